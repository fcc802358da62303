// SPDX-FileCopyrightText: the xbucket authors
// @aws-sdk/client-s3 against the local bucket server. Same environment as oss.js.
'use strict';
const { Readable } = require('node:stream');
const s3 = require('@aws-sdk/client-s3');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { assert, check, finish, failure, request, needed, oddKeys } = require('./harness');

const Bucket = needed('SDK_BUCKET');
const credentials = {
  accessKeyId: needed('SDK_KEY'),
  secretAccessKey: needed('SDK_SECRET'),
  sessionToken: process.env.SDK_TOKEN || undefined,
};
const options = {
  endpoint: needed('SDK_ENDPOINT'), region: 'us-east-1', forcePathStyle: true, credentials, maxAttempts: 1,
};
const client = new s3.S3Client(options);
const root = `s3-${process.env.SDK_TOKEN ? 'sts' : 'plain'}/`;
const key = (name) => root + name;
const send = (Command, input) => client.send(new Command({ Bucket, ...input }));
const put = (name, Body, more) => send(s3.PutObjectCommand, { Key: key(name), Body, ...more });
const head = (name) => send(s3.HeadObjectCommand, { Key: key(name) });
const text = async (name, more) => (
  await send(s3.GetObjectCommand, { Key: key(name), ...more })).Body.transformToString();
const source = (name) => `${Bucket}/${encodeURIComponent(key(name))}`;
const status = async (promise) => (await failure(promise)).$metadata.httpStatusCode;

async function objects() {
  await check('PutObject stores metadata and headers, HeadObject returns them', async () => {
    await put('f.txt', 'examplecontent', {
      Metadata: { year: '2020', people: 'eliot, evan' }, ContentType: 'text/html', CacheControl: 'max-age=60',
      ContentDisposition: 'attachment', ContentLanguage: 'de', ContentEncoding: 'identity-x',
      Expires: new Date('2044-12-01T16:00:00Z'),
    });
    const info = await head('f.txt');
    assert.deepEqual(info.Metadata, { year: '2020', people: 'eliot, evan' });
    assert.equal(info.ContentType, 'text/html');
    assert.equal(info.CacheControl, 'max-age=60');
    assert.equal(info.ContentDisposition, 'attachment');
    assert.equal(info.ContentLanguage, 'de');
    assert.equal(info.ContentEncoding, 'identity-x');
    assert.equal(info.ExpiresString, 'Thu, 01 Dec 2044 16:00:00 GMT');
    assert.equal(info.ContentLength, 14);
    assert.equal(info.StorageClass, undefined);
    assert.equal(await text('f.txt'), 'examplecontent');
  });
  await check('a stream body (aws-chunked with a trailer) is stored without its framing', async () => {
    const body = Buffer.alloc(300001, 'stream body ');
    await put('streamed', Readable.from([body.subarray(0, 200000), body.subarray(200000)]),
      { ContentLength: body.length });
    const back = await send(s3.GetObjectCommand, { Key: key('streamed') });
    assert.ok(Buffer.from(await back.Body.transformToByteArray()).equals(body));
    assert.equal((await head('streamed')).ContentEncoding, undefined);
  });
  for (const algorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    await check(`PutObject with a ${algorithm} checksum`, async () => {
      await put('summed', 'checksum me', { ChecksumAlgorithm: algorithm });
      assert.equal(await text('summed'), 'checksum me');
    });
  }
  await check('ranges and conditions of GetObject', async () => {
    const { ETag } = await put('range', '0123456789');
    assert.equal(await text('range', { Range: 'bytes=3-5' }), '345');
    assert.equal(await text('range', { Range: 'bytes=-3' }), '789');
    assert.equal(await text('range', { IfMatch: ETag }), '0123456789');
    assert.equal(await status(text('range', { IfMatch: '"0000"' })), 412);
    assert.equal(await status(text('range', { IfNoneMatch: ETag })), 304);
    assert.equal(await status(text('range', { Range: 'bytes=10-' })), 416);
  });
  await check('PutObject conditions', async () => {
    assert.equal(await status(put('range', 'x', { IfNoneMatch: '*' })), 412);
    assert.equal(await status(put('range', 'x', { IfMatch: '"0000"' })), 412);
    assert.equal(await text('range'), '0123456789');
  });
  await check('odd keys are stored under their own names', async () => {
    for (const odd of oddKeys) {
      await put(odd, `body of ${odd}`);
      assert.equal(await text(odd), `body of ${odd}`, odd);
    }
  });
  await check('a missing key is NoSuchKey', async () => {
    assert.equal((await failure(text('missing'))).name, 'NoSuchKey');
    assert.equal(await status(head('missing')), 404);
  });
  await check('metadata over 2 KB is MetadataTooLarge', async () => {
    assert.equal((await failure(put('big', 'x', { Metadata: { k: 'v'.repeat(2048) } }))).name, 'MetadataTooLarge');
    await put('fits', 'x', { Metadata: { k: 'v'.repeat(2047) } });
  });
  await check('DeleteObject succeeds twice', async () => {
    await send(s3.DeleteObjectCommand, { Key: key('fits') });
    await send(s3.DeleteObjectCommand, { Key: key('fits') });
  });
}

async function copies() {
  await check('CopyObject REPLACE changes metadata in place and keeps the ETag', async () => {
    const before = await head('f.txt');
    await send(s3.CopyObjectCommand, {
      Key: key('f.txt'), CopySource: source('f.txt'), MetadataDirective: 'REPLACE', Metadata: { year: '2021' },
    });
    const after = await head('f.txt');
    assert.deepEqual(after.Metadata, { year: '2021' });
    assert.equal(after.CacheControl, undefined);
    assert.equal(after.ETag, before.ETag);
  });
  await check('a self-copy that changes nothing is InvalidRequest', async () => {
    const error = await failure(send(s3.CopyObjectCommand, { Key: key('f.txt'), CopySource: source('f.txt') }));
    assert.equal(error.name, 'InvalidRequest');
  });
  await check('CopyObject between keys keeps metadata', async () => {
    await put('from é+% ?', 'copied', { Metadata: { a: '1' }, CacheControl: 'no-store' });
    await send(s3.CopyObjectCommand, { Key: key('to'), CopySource: source('from é+% ?') });
    const info = await head('to');
    assert.deepEqual(info.Metadata, { a: '1' });
    assert.equal(info.CacheControl, 'no-store');
    assert.equal(await text('to'), 'copied');
  });
  await check('copy conditions are honoured', async () => {
    const { LastModified } = await head('f.txt');
    const copy = (more) => send(s3.CopyObjectCommand, {
      Key: key('to'), CopySource: source('f.txt'), ...more,
    });
    assert.equal(await status(copy({ CopySourceIfUnmodifiedSince: new Date(LastModified - 5000) })), 412);
    assert.equal(await status(copy({ CopySourceIfMatch: '"0000"' })), 412);
    assert.equal(await status(copy({ CopySourceIfModifiedSince: LastModified })), 412);
    await copy({ CopySourceIfUnmodifiedSince: LastModified });
  });
}

async function listing() {
  const names = ['l/a', 'l/b/1', 'l/b/2', 'l/c', 'l/d/'];
  await check('ListObjectsV2 pages with and without a delimiter', async () => {
    for (const name of names) await put(name, 'x');
    const page = await send(s3.ListObjectsV2Command, { Prefix: key('l/'), Delimiter: '/' });
    assert.deepEqual(page.Contents.map((o) => o.Key), [key('l/a'), key('l/c')]);
    assert.deepEqual(page.CommonPrefixes.map((p) => p.Prefix), [key('l/b/'), key('l/d/')]);
    assert.equal(page.KeyCount, 4);
    const all = [];
    for await (const part of s3.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket, Prefix: key('l/') })) {
      all.push(...part.Contents.map((o) => o.Key));
    }
    assert.deepEqual(all, names.map(key));
  });
  await check('ListObjects (version 1) pages with markers', async () => {
    const all = [];
    let Marker;
    do {
      const page = await send(s3.ListObjectsCommand, { Prefix: key('l/'), MaxKeys: 2, Marker });
      all.push(...page.Contents.map((o) => o.Key));
      Marker = page.IsTruncated ? page.NextMarker || all[all.length - 1] : undefined;
    } while (Marker);
    assert.deepEqual(all, names.map(key));
  });
  await check('encoded listings name odd keys', async () => {
    const page = await send(s3.ListObjectsV2Command, { Prefix: root, EncodingType: 'url' });
    const listed = new Set(page.Contents.map((o) => decodeURIComponent(o.Key.replace(/\+/g, '%20'))));
    for (const odd of oddKeys) assert.ok(listed.has(key(odd)), odd);
  });
}

async function properties() {
  await check('tags are put, gotten, deleted, and survive a REPLACE copy', async () => {
    await put('tagged', 'x', { Tagging: 'first=a%20b' });
    const tags = async () => (await send(s3.GetObjectTaggingCommand, { Key: key('tagged') })).TagSet;
    assert.deepEqual(await tags(), [{ Key: 'first', Value: 'a b' }]);
    const TagSet = [{ Key: 'a', Value: '1' }, { Key: 'b c', Value: 'd+e' }];
    await send(s3.PutObjectTaggingCommand, { Key: key('tagged'), Tagging: { TagSet } });
    await send(s3.CopyObjectCommand, {
      Key: key('tagged'), CopySource: source('tagged'), MetadataDirective: 'REPLACE', Metadata: { n: '1' },
    });
    assert.deepEqual((await tags()).sort((x, y) => x.Key.localeCompare(y.Key)), TagSet);
    await send(s3.DeleteObjectTaggingCommand, { Key: key('tagged') });
    assert.deepEqual(await tags(), []);
  });
  await check('ACL is put and gotten', async () => {
    await send(s3.PutObjectAclCommand, { Key: key('tagged'), ACL: 'public-read' });
    const { Grants } = await send(s3.GetObjectAclCommand, { Key: key('tagged') });
    assert.ok(Grants.some((g) => g.Permission === 'READ' && /AllUsers/.test(g.Grantee.URI || '')));
  });
  await check('HeadBucket and GetBucketVersioning', async () => {
    await send(s3.HeadBucketCommand, {});
    assert.equal((await send(s3.GetBucketVersioningCommand, {})).Status, undefined);
  });
}

async function multipart() {
  const five = Buffer.alloc(5 << 20, 'part ');
  await check('multipart with a copied part', async () => {
    await put('source', five);
    const Key = key('multi');
    const { UploadId } = await send(s3.CreateMultipartUploadCommand, { Key, Metadata: { m: '1' } });
    const first = await send(s3.UploadPartCopyCommand, {
      Key, UploadId, PartNumber: 1, CopySource: source('source'), CopySourceRange: `bytes=0-${five.length - 1}`,
    });
    const second = await send(s3.UploadPartCommand, { Key, UploadId, PartNumber: 2, Body: 'tail' });
    const { Parts } = await send(s3.ListPartsCommand, { Key, UploadId });
    assert.deepEqual(Parts.map((p) => p.Size), [five.length, 4]);
    const done = await send(s3.CompleteMultipartUploadCommand, {
      Key, UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: first.CopyPartResult.ETag }, { PartNumber: 2, ETag: second.ETag }] },
    });
    assert.match(done.ETag, /-2"$/);
    const info = await head('multi');
    assert.equal(info.ContentLength, five.length + 4);
    assert.deepEqual(info.Metadata, { m: '1' });
    assert.equal(await text('multi', { Range: `bytes=${five.length - 2}-` }), `${five.toString('latin1').slice(-2)}tail`);
  });
  await check('a part that is too small is EntityTooSmall', async () => {
    const Key = key('small');
    const { UploadId } = await send(s3.CreateMultipartUploadCommand, { Key });
    const a = await send(s3.UploadPartCommand, { Key, UploadId, PartNumber: 1, Body: 'a' });
    const b = await send(s3.UploadPartCommand, { Key, UploadId, PartNumber: 2, Body: 'b' });
    const error = await failure(send(s3.CompleteMultipartUploadCommand, {
      Key, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: a.ETag }, { PartNumber: 2, ETag: b.ETag }] },
    }));
    assert.equal(error.name, 'EntityTooSmall');
    await send(s3.AbortMultipartUploadCommand, { Key, UploadId });
  });
  await check('uploads are listed and aborted', async () => {
    const Key = key('pending');
    const { UploadId } = await send(s3.CreateMultipartUploadCommand, { Key });
    const { Uploads } = await send(s3.ListMultipartUploadsCommand, { Prefix: Key });
    assert.deepEqual(Uploads.map((u) => u.UploadId), [UploadId]);
    await send(s3.AbortMultipartUploadCommand, { Key, UploadId });
    assert.equal((await failure(send(s3.ListPartsCommand, { Key, UploadId }))).name, 'NoSuchUpload');
  });
}

async function access() {
  await check('presigned URLs read and write without credentials', async () => {
    await put('signed é+.txt', 'signed');
    const read = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: key('signed é+.txt') }));
    const reply = await request(read);
    assert.equal(reply.status, 200, reply.body.toString());
    assert.equal(reply.body.toString(), 'signed');
    const write = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: key('signed-put') }));
    const written = await request(write, { method: 'PUT', body: 'written' });
    assert.equal(written.status, 200, written.body.toString());
    assert.equal(await text('signed-put'), 'written');
    assert.equal((await request(read.replace('X-Amz-Expires=900', 'X-Amz-Expires=901'))).status, 403);
  });
  await check('a wrong secret is SignatureDoesNotMatch', async () => {
    const wrong = new s3.S3Client({ ...options, credentials: { ...credentials, secretAccessKey: 'wrong' } });
    const error = await failure(wrong.send(new s3.GetObjectCommand({ Bucket, Key: key('f.txt') })));
    assert.equal(error.name, 'SignatureDoesNotMatch');
  });
  await check('an unknown key id is InvalidAccessKeyId', async () => {
    const wrong = new s3.S3Client({ ...options, credentials: { ...credentials, accessKeyId: 'NOBODY' } });
    const error = await failure(wrong.send(new s3.ListObjectsV2Command({ Bucket })));
    assert.equal(error.name, 'InvalidAccessKeyId');
  });
  if (credentials.sessionToken) {
    await check('a wrong token is refused', async () => {
      const wrong = new s3.S3Client({ ...options, credentials: { ...credentials, sessionToken: 'no' } });
      assert.ok([400, 403].includes(await status(wrong.send(new s3.ListObjectsV2Command({ Bucket })))));
    });
  }
  await check('a missing bucket is NoSuchBucket', async () => {
    const error = await failure(client.send(new s3.ListObjectsV2Command({ Bucket: 'no-such-bucket-here' })));
    assert.equal(error.name, 'NoSuchBucket');
  });
  await check('DeleteObjects removes odd keys', async () => {
    const { Deleted, Errors } = await send(s3.DeleteObjectsCommand, {
      // XML 1.0 cannot carry control bytes but tab and newline; the SDK sends them raw.
      Delete: { Objects: oddKeys.filter((odd) => !odd.includes('\x07')).map((odd) => ({ Key: key(odd) })) },
    });
    assert.equal((Errors || []).length, 0);
    assert.equal(Deleted.length, oddKeys.length - 1);
    for (const odd of oddKeys.filter((o) => !o.includes('\x07'))) {
      assert.equal(await status(head(odd)), 404, odd);
    }
  });
}

(async () => {
  await objects();
  await copies();
  await listing();
  await properties();
  await multipart();
  await access();
  finish();
})();
