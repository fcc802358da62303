// SPDX-FileCopyrightText: the xbucket authors
// ali-oss, Alibaba's own client, against the local bucket server.
//
// From the environment (run.sh sets it): SDK_ENDPOINT, SDK_KEY, SDK_SECRET, SDK_BUCKET,
// SDK_SIGNATURE (v1 or v4), SDK_TOKEN (an STS token, or empty), SDK_REGION.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable } = require('node:stream');
const OSS = require('ali-oss');
const { assert, check, finish, failure, request, needed, oddKeys: allOddKeys } = require('./harness');

const v4 = needed('SDK_SIGNATURE') === 'v4';
const options = {
  endpoint: needed('SDK_ENDPOINT'),
  sldEnable: true, // path style
  accessKeyId: needed('SDK_KEY'),
  accessKeySecret: needed('SDK_SECRET'),
  stsToken: process.env.SDK_TOKEN || undefined,
  bucket: needed('SDK_BUCKET'),
  region: `oss-${needed('SDK_REGION')}`,
  authorizationV4: v4,
};
if (options.stsToken) {
  options.refreshSTSTokenInterval = 3600e3;
  options.refreshSTSToken = async () => ({
    accessKeyId: options.accessKeyId, accessKeySecret: options.accessKeySecret, stsToken: options.stsToken,
  });
}
const client = new OSS(options);
// So that raw UTF-8 goes out as the bytes that were signed (protocol.md 4.4).
const utf8Client = new OSS({ ...options, headerEncoding: 'latin1' });
// urllib, which carries ali-oss, resolves dot segments after the request was signed.
const oddKeys = allOddKeys.filter((odd) => !/\/\.\.?\//.test(odd));
const root = `oss-${needed('SDK_SIGNATURE')}-${process.env.SDK_TOKEN ? 'sts' : 'plain'}/`;
const key = (name) => root + name;
const text = async (name) => (await client.get(key(name))).content.toString();
const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function objects() {
  await check('put stores metadata and headers, head returns them', async () => {
    await client.put(key('f.txt'), Buffer.from('examplecontent'), {
      meta: { year: 2020, people: 'eliot' },
      headers: {
        'Cache-Control': 'max-age=60', 'Content-Disposition': 'attachment', Expires: 'Thu, 01 Dec 2044 16:00:00 GMT',
        'Content-Language': 'de', 'Content-Encoding': 'identity-x',
      },
    });
    const { meta, res, status } = await client.head(key('f.txt'));
    assert.equal(status, 200);
    assert.deepEqual(meta, { year: '2020', people: 'eliot' });
    assert.equal(res.headers['cache-control'], 'max-age=60');
    assert.equal(res.headers['content-disposition'], 'attachment');
    assert.equal(res.headers['content-language'], 'de');
    assert.equal(res.headers['content-encoding'], 'identity-x');
    assert.equal(res.headers.expires, 'Thu, 01 Dec 2044 16:00:00 GMT');
    assert.equal(res.headers['content-type'], 'text/plain');
    assert.equal(res.headers['x-oss-object-type'], 'Normal');
    assert.equal(res.headers['x-oss-storage-class'], 'Standard');
    assert.match(res.headers['x-oss-hash-crc64ecma'], /^\d+$/);
    assert.ok(res.headers['x-oss-request-id']);
    assert.equal(await text('f.txt'), 'examplecontent');
  });
  await check('putMeta replaces all metadata and drops the headers', async () => {
    await client.putMeta(key('f.txt'), { year: '2021', who: 'evan' });
    const { meta, res } = await client.head(key('f.txt'));
    assert.deepEqual(meta, { year: '2021', who: 'evan' });
    assert.equal(res.headers['cache-control'], undefined);
    assert.equal(await text('f.txt'), 'examplecontent');
  });
  await check('putMeta with nothing clears metadata', async () => {
    await client.putMeta(key('f.txt'), {});
    assert.equal((await client.head(key('f.txt'))).meta, null);
  });
  await check('putMeta keeps the ETag and moves Last-Modified', async () => {
    const before = (await client.head(key('f.txt'))).res.headers;
    await later(1100);
    await client.putMeta(key('f.txt'), { n: '1' });
    const after = (await client.head(key('f.txt'))).res.headers;
    assert.equal(after.etag, before.etag);
    assert.ok(Date.parse(after['last-modified']) > Date.parse(before['last-modified']));
  });
  await check('metadata in raw UTF-8 comes back as the same bytes', async () => {
    await utf8Client.put(key('utf8'), Buffer.from('x'), { meta: { title: 'café 日本' } });
    const { meta } = await utf8Client.head(key('utf8'));
    assert.equal(Buffer.from(meta.title, 'latin1').toString('utf8'), 'café 日本');
  });
  await check('odd keys are stored under their own names', async () => {
    for (const odd of oddKeys) {
      await client.put(key(odd), Buffer.from(`body of ${odd}`));
      assert.equal(await text(odd), `body of ${odd}`, odd);
      await client.putMeta(key(odd), { edited: 'yes' });
      assert.equal((await client.head(key(odd))).meta.edited, 'yes', odd);
    }
  });
  await check('streams are put and gotten', async () => {
    const body = Buffer.alloc(700001, 'abcdefg');
    await client.putStream(key('streamed'), Readable.from([body.subarray(0, 400000), body.subarray(400000)]));
    const { stream } = await client.getStream(key('streamed'));
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(body));
  });
  await check('ranges give their bytes', async () => {
    await client.put(key('range'), Buffer.from('0123456789'));
    const reply = await client.get(key('range'), { headers: { Range: 'bytes=3-5' } });
    assert.equal(reply.content.toString(), '345');
    assert.equal(reply.res.status, 206);
    assert.equal(reply.res.headers['content-range'], 'bytes 3-5/10');
  });
  await check('getObjectMeta tells size and ETag without metadata', async () => {
    const { res } = await client.getObjectMeta(key('range'));
    assert.equal(res.headers['content-length'], '10');
    assert.ok(res.headers.etag);
    assert.equal(Object.keys(res.headers).some((name) => name.startsWith('x-oss-meta-')), false);
  });
  await check('a missing key is NoSuchKey', async () => {
    assert.equal((await failure(client.get(key('missing')))).code, 'NoSuchKey');
    assert.equal((await failure(client.head(key('missing')))).status, 404);
  });
  await check('forbid-overwrite is FileAlreadyExists', async () => {
    const error = await failure(client.put(key('range'), Buffer.from('x'),
      { headers: { 'x-oss-forbid-overwrite': 'true' } }));
    assert.equal(error.status, 409);
    assert.equal(error.code, 'FileAlreadyExists');
  });
  await check('delete succeeds twice', async () => {
    assert.equal((await client.delete(key('range'))).res.status, 204);
    assert.equal((await client.delete(key('range'))).res.status, 204);
  });
}

async function copies() {
  await check('copy keeps metadata', async () => {
    await client.put(key('from é+%'), Buffer.from('copied'), { meta: { a: '1' } });
    await client.copy(key('to'), key('from é+%'));
    assert.equal((await client.head(key('to'))).meta.a, '1');
    assert.equal(await text('to'), 'copied');
  });
  await check('copy with metadata replaces it', async () => {
    await client.copy(key('to'), key('from é+%'), { meta: { b: '2' } });
    assert.deepEqual((await client.head(key('to'))).meta, { b: '2' });
  });
  await check('copy conditions are honoured', async () => {
    const { lastModified } = (await client.copy(key('to'), key('from é+%'))).data;
    const early = new Date(Date.parse(lastModified) - 100000).toUTCString();
    const error = await failure(client.copy(key('to2'), key('from é+%'),
      { headers: { 'x-oss-copy-source-if-unmodified-since': early } }));
    assert.equal(error.status, 412);
    const wrong = await failure(client.copy(key('to2'), key('from é+%'),
      { headers: { 'x-oss-copy-source-if-match': '"00000000000000000000000000000000"' } }));
    assert.equal(wrong.status, 412);
  });
}

async function listing() {
  await check('list pages with a delimiter', async () => {
    for (const name of ['l/a', 'l/b/1', 'l/b/2', 'l/c', 'l/d/']) await client.put(key(name), Buffer.from('x'));
    const whole = await client.list({ prefix: key('l/'), delimiter: '/', 'max-keys': 100 });
    assert.deepEqual(whole.objects.map((o) => o.name), [key('l/a'), key('l/c')]);
    assert.deepEqual(whole.prefixes, [key('l/b/'), key('l/d/')]);
    assert.equal(whole.objects[0].type, 'Normal');
    const names = [];
    let marker;
    do {
      // With `marker: undefined` ali-oss sends marker= and signs V4 without it.
      const page = await client.list({ prefix: key('l/'), 'max-keys': 2, ...(marker && { marker }) });
      names.push(...page.objects.map((o) => o.name));
      marker = page.nextMarker;
    } while (marker);
    assert.deepEqual(names, ['l/a', 'l/b/1', 'l/b/2', 'l/c', 'l/d/'].map(key));
  });
  await check('listV2 pages with tokens', async () => {
    const names = [];
    let token;
    do {
      const page = await client.listV2({
        prefix: key('l/'), 'max-keys': 2, ...(token && { 'continuation-token': token }),
      });
      names.push(...(page.objects || []).map((o) => o.name));
      token = page.nextContinuationToken;
    } while (token);
    assert.deepEqual(names, ['l/a', 'l/b/1', 'l/b/2', 'l/c', 'l/d/'].map(key));
    const after = await client.listV2({ prefix: key('l/'), 'start-after': key('l/b/2'), 'max-keys': 10 });
    assert.deepEqual(after.objects.map((o) => o.name), [key('l/c'), key('l/d/')]);
  });
}

async function properties() {
  await check('tags are put, gotten and deleted', async () => {
    await client.put(key('tagged'), Buffer.from('x'));
    await client.putObjectTagging(key('tagged'), { a: '1', 'b c': 'd+e' });
    assert.deepEqual((await client.getObjectTagging(key('tagged'))).tag, { a: '1', 'b c': 'd+e' });
    await client.deleteObjectTagging(key('tagged'));
    assert.deepEqual((await client.getObjectTagging(key('tagged'))).tag, {});
  });
  await check('tags survive putMeta', async () => {
    await client.putObjectTagging(key('tagged'), { kept: 'yes' });
    await client.putMeta(key('tagged'), { n: '1' });
    assert.deepEqual((await client.getObjectTagging(key('tagged'))).tag, { kept: 'yes' });
  });
  await check('ACL is put and gotten', async () => {
    assert.equal((await client.getACL(key('tagged'))).acl, 'default');
    await client.putACL(key('tagged'), 'public-read');
    assert.equal((await client.getACL(key('tagged'))).acl, 'public-read');
  });
  await check('symlinks are put, gotten and followed', async () => {
    await client.put(key('target é'), Buffer.from('through the link'));
    await client.putSymlink(key('link'), key('target é'), { meta: { of: 'link' } });
    const link = await client.getSymlink(key('link'));
    assert.equal(link.targetName, key('target é'));
    assert.equal(await text('link'), 'through the link');
    const head = await client.head(key('link'));
    assert.equal(head.meta.of, 'link');
    assert.equal(head.res.headers['x-oss-object-type'], 'Symlink');
  });
  await check('append grows an object and refuses a wrong position', async () => {
    const first = await client.append(key('log'), Buffer.from('one\n'));
    assert.equal(String(first.nextAppendPosition), '4');
    const second = await client.append(key('log'), Buffer.from('two\n'), { position: 4 });
    assert.equal(String(second.nextAppendPosition), '8');
    assert.equal(await text('log'), 'one\ntwo\n');
    const error = await failure(client.append(key('log'), Buffer.from('x'), { position: 3 }));
    assert.equal(error.code, 'PositionNotEqualToLength');
    assert.equal((await failure(client.append(key('target é'), Buffer.from('x'), { position: 16 }))).code,
      'ObjectNotAppendable');
  });
  await check('archived objects must be restored', async () => {
    await client.put(key('cold'), Buffer.from('x'), { headers: { 'x-oss-storage-class': 'Archive' } });
    assert.equal((await failure(client.get(key('cold')))).code, 'InvalidObjectState');
    assert.equal((await client.restore(key('cold'))).res.status, 202);
    assert.equal((await failure(client.restore(key('target é')))).status, 400);
  });
}

async function multipart() {
  const file = path.join(os.tmpdir(), `xbucket-sdk-${process.pid}`);
  const body = Buffer.alloc(350 * 1024, 'multipart body ');
  await check('multipartUpload joins its parts', async () => {
    fs.writeFileSync(file, body);
    try {
      await client.multipartUpload(key('multi'), file, {
        partSize: 102400, parallel: 3, meta: { m: '1' }, headers: { 'Cache-Control': 'no-cache' },
      });
    } finally {
      fs.unlinkSync(file);
    }
    const { meta, res } = await client.head(key('multi'));
    assert.equal(meta.m, '1');
    assert.equal(res.headers['cache-control'], 'no-cache');
    assert.equal(res.headers['x-oss-object-type'], 'Multipart');
    assert.ok((await client.get(key('multi'))).content.equals(body));
  });
  await check('multipartUploadCopy copies ranges', async () => {
    await client.multipartUploadCopy(key('multi-copy'),
      { sourceKey: key('multi'), sourceBucketName: options.bucket }, { partSize: 102400, parallel: 2 });
    assert.ok((await client.get(key('multi-copy'))).content.equals(body));
  });
  await check('uploads and parts are listed and aborted', async () => {
    const { uploadId } = await client.initMultipartUpload(key('pending'));
    await client._uploadPart(key('pending'), uploadId, 1, { stream: Readable.from([Buffer.from('part')]), size: 4 });
    const parts = await client.listParts(key('pending'), uploadId);
    assert.equal([].concat(parts.parts).length, 1);
    const uploads = await client.listUploads({ prefix: key('pending'), 'max-uploads': 10 });
    assert.deepEqual(uploads.uploads.map((u) => u.uploadId), [uploadId]);
    await client.abortMultipartUpload(key('pending'), uploadId);
    assert.equal((await failure(client.listParts(key('pending'), uploadId))).code, 'NoSuchUpload');
  });
}

async function access() {
  await check('signed URLs read and write without credentials', async () => {
    const url = async (method, name, extra) => (v4
      ? client.signatureUrlV4(method, 300, extra, key(name))
      : client.signatureUrl(key(name), { method, expires: 300, ...(extra && extra.headers) }));
    await client.put(key('signed é+.txt'), Buffer.from('signed'));
    const read = await request(await url('GET', 'signed é+.txt'));
    assert.equal(read.status, 200, read.body.toString());
    assert.equal(read.body.toString(), 'signed');
    const write = await request(await url('PUT', 'signed-put'), { method: 'PUT', body: 'written' });
    assert.equal(write.status, 200, write.body.toString());
    assert.equal(await text('signed-put'), 'written');
    const other = (await url('GET', 'signed-put')).replace('signed-put', 'f.txt');
    assert.equal((await request(other)).status, 403);
  });
  await check('a wrong secret is SignatureDoesNotMatch', async () => {
    const wrong = new OSS({ ...options, accessKeySecret: 'wrong' });
    const error = await failure(wrong.get(key('f.txt')));
    assert.equal(error.status, 403);
    assert.equal(error.code, 'SignatureDoesNotMatch');
  });
  await check('an unknown key id is InvalidAccessKeyId', async () => {
    const wrong = new OSS({ ...options, accessKeyId: 'nobody' });
    assert.equal((await failure(wrong.get(key('f.txt')))).code, 'InvalidAccessKeyId');
  });
  if (options.stsToken) {
    await check('a wrong token is refused', async () => {
      const wrong = new OSS({ ...options, stsToken: 'not-the-token' });
      assert.equal((await failure(wrong.get(key('f.txt')))).status, 403);
    });
    await check('a missing token is refused', async () => {
      const wrong = new OSS({ ...options, stsToken: undefined });
      assert.equal((await failure(wrong.get(key('f.txt')))).status, 403);
    });
  }
  await check('a missing bucket is NoSuchBucket', async () => {
    const wrong = new OSS({ ...options, bucket: 'no-such-bucket-here' });
    assert.equal((await failure(wrong.list({ 'max-keys': 1 }))).code, 'NoSuchBucket');
  });
  await check('metadata over 8 KB is refused', async () => {
    const error = await failure(client.put(key('big'), Buffer.from('x'), { meta: { k: 'v'.repeat(8192) } }));
    assert.equal(error.status, 400, `${error.status} ${error.code}`);
  });
  await check('deleteMulti removes odd keys', async () => {
    const { res } = await client.deleteMulti(oddKeys.map(key), { quiet: true });
    assert.equal(res.status, 200);
    for (const odd of oddKeys) assert.equal((await failure(client.head(key(odd)))).status, 404, odd);
    assert.equal((await client.head(key('f.txt'))).status, 200);
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
