// SPDX-FileCopyrightText: the xbucket authors
// A mount and the SDKs on one bucket: what an SDK writes is what getfattr shows, and what setfattr
// writes is what an SDK's head says. Started by run.sh: mount.js XBUCKET WORKDIR
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const OSS = require('ali-oss');
const s3 = require('@aws-sdk/client-s3');
const { assert, check, finish, failure, needed } = require('./harness');

const [xbucket, work] = process.argv.slice(2);
const point = path.join(work, 'mnt');
const Bucket = needed('SDK_BUCKET');
const options = {
  endpoint: needed('SDK_ENDPOINT'), sldEnable: true, accessKeyId: needed('SDK_KEY'),
  accessKeySecret: needed('SDK_SECRET'), bucket: Bucket, region: `oss-${needed('SDK_REGION')}`, authorizationV4: true,
};
const client = new OSS(options);
const utf8Client = new OSS({ ...options, headerEncoding: 'latin1' });
const aws = new s3.S3Client({
  endpoint: options.endpoint, region: 'us-east-1', forcePathStyle: true,
  credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.accessKeySecret },
});
const at = (name) => path.join(point, name);

// Runs a program; gives its output, throws with its message when it fails.
function run(...command) {
  const done = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${command.join(' ')}: ${done.stderr.trim()}`);
  return done.stdout;
}
const getfattr = (name, attribute) => run('getfattr', '--absolute-names', '--only-values', '-n', attribute, at(name));
const setfattr = (name, attribute, value) => run('setfattr', '-n', attribute, '-v', value, at(name));
const refresh = (name) => setfattr(name, 'user.xbucket.refresh', '1');
const listed = (name) => run('getfattr', '--absolute-names', '-d', '-m', '-', at(name))
  .split('\n').filter((line) => line.includes('=')).map((line) => line.split('=')[0]).sort();

// A mount in the foreground; gives a function that ends it and waits.
async function mount() {
  fs.mkdirSync(point);
  const log = fs.openSync(path.join(work, 'mount.log'), 'w');
  const daemon = spawn(xbucket, [`oss://${Bucket}`, point, '-f', `--endpoint=${options.endpoint}`,
    `--region=${needed('SDK_REGION')}`], {
    stdio: ['ignore', log, log],
    env: { ...process.env, OSS_ACCESS_KEY_ID: options.accessKeyId, OSS_ACCESS_KEY_SECRET: options.accessKeySecret },
  });
  const ended = new Promise((resolve) => { daemon.on('exit', resolve); });
  const before = fs.statSync(work).dev;
  for (let tries = 0; fs.statSync(point).dev === before; tries += 1) {
    if (tries === 2400 || daemon.exitCode !== null) {
      throw new Error(`no mount: ${fs.readFileSync(path.join(work, 'mount.log'), 'utf8').slice(-800)}`);
    }
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  return async () => {
    // Whoever looks at all mounts of the machine makes each busy for a moment.
    for (let tries = 1; ; tries += 1) {
      const done = spawnSync('fusermount3', ['-u', point], { encoding: 'utf8' });
      if (done.status === 0) return ended;
      if (tries === 100 || !done.stderr.includes('busy')) throw new Error(`fusermount3 -u: ${done.stderr}`);
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  };
}

async function fromSdk() {
  await check('getfattr shows what ali-oss wrote', async () => {
    await client.put('from-sdk.txt', Buffer.from('examplecontent'), {
      meta: { year: 2020, people: 'eliot' }, headers: { 'Cache-Control': 'max-age=60' },
    });
    assert.equal(getfattr('from-sdk.txt', 'user.year'), '2020');
    assert.equal(getfattr('from-sdk.txt', 'user.http.cache-control'), 'max-age=60');
    assert.deepEqual(listed('from-sdk.txt'), ['user.http.cache-control', 'user.people', 'user.year']);
    assert.equal(fs.readFileSync(at('from-sdk.txt'), 'utf8'), 'examplecontent');
  });
  await check('getfattr shows what the AWS SDK wrote', async () => {
    await aws.send(new s3.PutObjectCommand({
      Bucket, Key: 'from-aws.bin', Body: 'x', Metadata: { camera: 'Leica M6' }, ContentLanguage: 'de',
    }));
    assert.equal(getfattr('from-aws.bin', 'user.camera'), 'Leica M6');
    assert.equal(getfattr('from-aws.bin', 'user.http.content-language'), 'de');
  });
  await check('a change by the SDK is seen after a refresh', async () => {
    await client.putMeta('from-sdk.txt', { year: '2021' });
    refresh('from-sdk.txt');
    assert.equal(getfattr('from-sdk.txt', 'user.year'), '2021');
    assert.deepEqual(listed('from-sdk.txt'), ['user.year']);
  });
  await check('raw UTF-8 metadata is shown as text', async () => {
    await utf8Client.put('utf8.txt', Buffer.from('x'), { meta: { title: 'café 日本' } });
    assert.equal(getfattr('utf8.txt', 'user.title'), 'café 日本');
  });
  await check('tags and ACL of the SDK are attributes', async () => {
    await client.putObjectTagging('from-sdk.txt', { stage: 'test' });
    await client.putACL('from-sdk.txt', 'public-read');
    refresh('from-sdk.txt');
    assert.equal(getfattr('from-sdk.txt', 'user.tag.stage'), 'test');
    assert.equal(getfattr('from-sdk.txt', 'user.object.acl'), 'public-read');
  });
  await check('facts of the object are the ones that head tells', async () => {
    const { res } = await client.head('from-sdk.txt');
    assert.equal(getfattr('from-sdk.txt', 'user.object.etag'), res.headers.etag.replace(/"/g, ''));
    assert.equal(getfattr('from-sdk.txt', 'user.object.storage-class'), 'Standard');
    assert.match(getfattr('from-sdk.txt', 'user.xbucket.headers'), /x-oss-meta-year: ?2021/i);
  });
}

async function fromMount() {
  await check('head shows what setfattr wrote and nothing else changed', async () => {
    await client.put('edited.txt', Buffer.from('body'), {
      meta: { keep: 'me' },
      headers: { 'Cache-Control': 'max-age=60', 'Content-Disposition': 'attachment', 'Content-Type': 'text/x-odd' },
    });
    await client.putObjectTagging('edited.txt', { kept: 'yes' });
    await client.putACL('edited.txt', 'public-read');
    setfattr('edited.txt', 'user.year', '2021');
    const { meta, res } = await client.head('edited.txt');
    assert.deepEqual(meta, { keep: 'me', year: '2021' });
    assert.equal(res.headers['cache-control'], 'max-age=60');
    assert.equal(res.headers['content-disposition'], 'attachment');
    assert.equal(res.headers['content-type'], 'text/x-odd');
    assert.deepEqual((await client.getObjectTagging('edited.txt')).tag, { kept: 'yes' });
    assert.equal((await client.getACL('edited.txt')).acl, 'public-read');
    assert.equal((await client.get('edited.txt')).content.toString(), 'body');
  });
  await check('setfattr -x removes one', async () => {
    run('setfattr', '-x', 'user.keep', at('edited.txt'));
    assert.deepEqual((await client.head('edited.txt')).meta, { year: '2021' });
  });
  await check('HTTP fields, tags and ACL can be set', async () => {
    setfattr('edited.txt', 'user.http.cache-control', 'no-store');
    setfattr('edited.txt', 'user.tag.colour', 'blue');
    setfattr('edited.txt', 'user.object.acl', 'private');
    assert.equal((await client.head('edited.txt')).res.headers['cache-control'], 'no-store');
    assert.deepEqual((await client.getObjectTagging('edited.txt')).tag, { kept: 'yes', colour: 'blue' });
    assert.equal((await client.getACL('edited.txt')).acl, 'private');
  });
  await check('a UTF-8 value is a readable RFC 2047 word for SDKs', async () => {
    setfattr('edited.txt', 'user.title', 'café');
    assert.equal((await client.head('edited.txt')).meta.title, '=?UTF-8?B?Y2Fmw6k=?=');
    assert.equal(getfattr('edited.txt', 'user.title'), 'café');
  });
  await check('the AWS SDK sees the same attributes', async () => {
    setfattr('from-aws.bin', 'user.lens', 'Summicron 50');
    const { Metadata } = await aws.send(new s3.HeadObjectCommand({ Bucket, Key: 'from-aws.bin' }));
    assert.deepEqual(Metadata, { camera: 'Leica M6', lens: 'Summicron 50' });
  });
  await check('a file written through the mount has its body and type', async () => {
    fs.mkdirSync(at('dir'));
    fs.writeFileSync(at('dir/page.html'), '<p>hello');
    const { res } = await client.head('dir/page.html');
    assert.equal(res.headers['content-type'], 'text/html');
    assert.equal((await client.get('dir/page.html')).content.toString(), '<p>hello');
  });
  await check('rename keeps metadata', async () => {
    fs.renameSync(at('edited.txt'), at('dir/renamed.txt'));
    assert.equal((await client.head('dir/renamed.txt')).meta.year, '2021');
    assert.equal((await failure(client.head('edited.txt'))).status, 404);
  });
  await check('cp -a carries attributes to a new object', async () => {
    run('cp', '-a', at('dir/renamed.txt'), at('copy.txt'));
    assert.equal((await client.head('copy.txt')).meta.year, '2021');
    assert.equal((await client.head('copy.txt')).res.headers['cache-control'], 'no-store');
  });
  await check('a symlink to an object is one for the SDK', async () => {
    fs.symlinkSync('renamed.txt', at('dir/link'));
    assert.equal((await client.getSymlink('dir/link')).targetName, 'dir/renamed.txt');
  });
  await check('unlink removes the object', async () => {
    fs.unlinkSync(at('copy.txt'));
    assert.equal((await failure(client.head('copy.txt'))).status, 404);
  });
}

(async () => {
  let end = null;
  await check('the bucket mounts', async () => { end = await mount(); });
  if (end !== null) {
    await fromSdk();
    await fromMount();
    await check('the mount ends cleanly', async () => { assert.equal(await end(), 0); });
  }
  finish();
})();
