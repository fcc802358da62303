// SPDX-FileCopyrightText: the xbucket authors
// The page in headless Chromium against `xbucket serve` (another origin, so CORS counts), while the
// bucket is mounted: what the page does shows in getfattr, and what setfattr does shows in the page.
//
//   npm ci --ignore-scripts       once, in this folder
//   node run.js XBUCKET           prints "ok NAME" or "FAIL NAME: why", then "N passed, N failed";
//                                 exits 77 (skipped) without Chromium or /dev/fuse
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');

const xbucket = path.resolve(process.argv[2] || '');
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((file) => fs.existsSync(file));
if (!chromium || !fs.existsSync('/dev/fuse')) {
  console.log('run.js: needs /usr/bin/chromium and /dev/fuse; skipped');
  process.exit(77);
}
const { chromium: browsers } = require('playwright-core');

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'xbucket-browser-'));
const point = path.join(work, 'mnt');
const object = path.join(point, 'exampleobject.txt');
const bucket = 'examplebucket';
const secret = { key: 'browser-test-key', secret: 'browser-test-secret', token: 'browser-sts-token' };
const environment = {
  ...process.env, HOME: work, OSS_ACCESS_KEY_ID: secret.key, OSS_ACCESS_KEY_SECRET: secret.secret,
  OSS_SESSION_TOKEN: secret.token,
};
const patience = 180000; // ms: much longer than anything takes on a slow and busy machine
const cleanups = [];
let passed = 0;
let failed = 0;

async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${String(error.message || error).replace(/\s+/g, ' ').slice(0, 600)}`);
  }
}

async function until(what, condition) {
  for (const end = Date.now() + patience; Date.now() < end;) {
    const value = condition();
    if (value) return value;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  throw new Error(`gave up waiting for ${what}`);
}

function start(name, ...words) {
  const log = path.join(work, `${name}.log`);
  const out = fs.openSync(log, 'w');
  const child = spawn(xbucket, words, { stdio: ['ignore', out, out], env: environment });
  const ended = new Promise((resolve) => { child.on('exit', resolve); });
  return { child, ended, said: () => fs.readFileSync(log, 'utf8') };
}

async function serve() {
  fs.mkdirSync(path.join(work, 'data', bucket), { recursive: true });
  const server = start('serve', 'serve', path.join(work, 'data'));
  cleanups.push(async () => { server.child.kill(); await server.ended; });
  return until('the server', () => (server.said().match(/http:\/\/127\.0\.0\.1:\d+/) || [])[0]);
}

async function mount(endpoint) {
  fs.mkdirSync(point);
  const before = fs.statSync(work).dev;
  const daemon = start('mount', `oss://${bucket}`, point, '-f', `--endpoint=${endpoint}`,
    '--region=cn-hangzhou');
  cleanups.push(async () => {
    spawnSync('fusermount3', ['-u', '-z', point]);
    await daemon.ended;
  });
  await until(`the mount: ${daemon.said()}`, () => fs.statSync(point).dev !== before);
}

// The page's own server: another origin than the bucket's.
function host(endpoint) {
  // Browsers resolve names below localhost themselves; ali-oss makes up a Host for a numeric address.
  const settings = {
    region: 'oss-cn-hangzhou', endpoint: endpoint.replace('127.0.0.1', 'localhost'), sldEnable: true,
    secure: false, bucket, accessKeyId: secret.key, accessKeySecret: secret.secret, stsToken: secret.token,
    authorizationV4: true,
  };
  const files = {
    '/': [path.join(__dirname, 'page.html'), 'text/html'],
    '/aliyun-oss-sdk.min.js': [path.join(__dirname, 'node_modules/ali-oss/dist/aliyun-oss-sdk.min.js'),
      'text/javascript'],
  };
  const server = http.createServer((request, response) => {
    const file = files[request.url];
    if (request.url === '/settings.json') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(settings));
    } else if (file) {
      response.setHeader('content-type', file[1]);
      response.end(fs.readFileSync(file[0]));
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
  cleanups.push(() => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}/`));
  });
}

async function open(address) {
  const browser = await browsers.launch({
    executablePath: chromium,
    timeout: patience,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  cleanups.push(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(patience);
  page.on('console', (message) => message.type() === 'error' && console.log(`   page: ${message.text()}`));
  await page.goto(address);
  return page;
}

// Clicks, and gives what the page shows when the action has ended.
async function click(page, id) {
  const clicks = Number(await page.getAttribute('#result', 'data-clicks'));
  await page.click(`#${id}`);
  await page.waitForFunction((before) => Number(document.getElementById('result').dataset.clicks) > before,
    clicks);
  const text = await page.textContent('#result');
  assert.ok(text.startsWith('{'), text);
  return JSON.parse(text);
}

function run(...command) {
  const done = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command.join(' ')}: ${done.stderr}`);
  return done.stdout;
}
// As a person would try: whoever looks at all mounts of the machine makes each busy for a moment.
function unmount(at) {
  for (let tries = 1; ; tries += 1) {
    const done = spawnSync('fusermount3', ['-u', at], { encoding: 'utf8' });
    if (done.status === 0) return;
    if (tries === 100 || !done.stderr.includes('busy')) throw new Error(`fusermount3 -u: ${done.stderr}`);
    spawnSync('sleep', ['0.1']);
  }
}
const getfattr = (name) => run('getfattr', '--absolute-names', '--only-values', '-n', name, object);
const setfattr = (name, value, file = object) => run('setfattr', '-n', name, '-v', value, file);

async function main() {
  const endpoint = await serve();
  await mount(endpoint);
  const page = await open(await host(endpoint));

  await check('upload: getfattr shows what the page stored', async () => {
    assert.equal((await click(page, 'upload')).status, 200);
    // A name that the mount has not seen: it is asked for at once.
    assert.equal(fs.readFileSync(object, 'utf8'), 'Hello OSS');
    assert.equal(getfattr('user.year'), '2020');
    assert.equal(getfattr('user.people'), 'eliot');
  });
  await check('view: the page shows what it stored', async () => {
    assert.deepEqual((await click(page, 'view')).meta, { year: '2020', people: 'eliot' });
  });
  await check('update: getfattr shows the new values after a refresh', async () => {
    assert.equal((await click(page, 'update')).status, 200);
    setfattr('user.xbucket.refresh', '1');
    assert.equal(getfattr('user.year'), '2021');
    assert.equal(getfattr('user.people'), 'evan');
  });
  await check('setfattr: the page shows what the mount wrote, and keeps the rest', async () => {
    setfattr('user.place', 'Hangzhou');
    setfattr('user.year', '2022');
    assert.deepEqual((await click(page, 'view')).meta, { year: '2022', people: 'evan', place: 'Hangzhou' });
  });
  await check("update: getfattr shows the new values within the cache's life", async () => {
    unmount(point);
    const again = start('mount2', `oss://${bucket}`, point, '-f', `--endpoint=${endpoint}`,
      '--region=cn-hangzhou', '-o', 'ttl=1s,negative_ttl=1s');
    cleanups.push(() => again.ended);
    cleanups.push(() => spawnSync('fusermount3', ['-u', '-z', point]));
    await until('the second mount', () => fs.existsSync(object));
    assert.equal(getfattr('user.year'), '2022');
    await click(page, 'update');
    await until('the new value', () => getfattr('user.year') === '2021');
    assert.equal(fs.readFileSync(object, 'utf8'), 'Hello OSS');
  });
  if (process.env.XBUCKET_SCREENSHOT) await page.screenshot({ path: process.env.XBUCKET_SCREENSHOT });
}

main().catch((error) => {
  failed += 1;
  console.log(`FAIL browser test: ${error.stack}`);
}).finally(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  fs.rmSync(work, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
});
