// The action for runners without Docker: it finds the binary of the release that this commit belongs to, makes sure that it
// is the one whose SHA-256 stands in release.json beside this file, and runs it with the step's inputs. It needs nothing but
// Node, which every runner has, and passes on what it was given: environment, output, signals, exit code.
'use strict';

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { Readable, Transform } = require('node:stream');
const { pipeline } = require('node:stream/promises');

const TRIES = 4; // of one download
const FIRST_PAUSE = 1000; // milliseconds between the first two; doubles
const SILENCE = 30_000; // milliseconds without a byte before a try is given up
const LONGEST = 10 * 60_000; // milliseconds until a try is given up, however it comes
const LARGEST = 256 << 20; // bytes of a binary
const STALE = 24 * 3600_000; // milliseconds after which what a killed job left behind is removed

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']; // that end a step

// The program's own exit codes: 1 unexpected, 2 settings, 5 download.
class Failure extends Error {
  constructor(code, message, passing = false) {
    super(message);
    Object.assign(this, { code, passing });
  }
}

// binaryName gives what the release calls the binary for a system and a processor, in Go's words.
function binaryName(platform, arch) {
  const system = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[platform];
  const processor = { x64: 'amd64', arm64: 'arm64' }[arch];
  if (!system || !processor) {
    throw new Failure(2, `there is no binary of fabricate-seed for ${platform} on ${arch}. ` +
      'There are those for Linux, macOS and Windows on x64 and arm64; elsewhere build it: go install.');
  }
  return `fabricate-seed-${system}-${processor}${system === 'windows' ? '.exe' : ''}`;
}

async function sha256(file) {
  const hash = crypto.createHash('sha256');
  await pipeline(fs.createReadStream(file), hash);
  return hash.digest('hex');
}

// isWhole reports whether file is there and holds the bytes that were released.
async function isWhole(file, digest) {
  try {
    return (await sha256(file)) === digest;
  } catch (e) {
    if (e.syscall) return false; // it is not there, a folder, or not ours to read
    throw e;
  }
}

// isReady is isWhole of a file that can be run. (A tool cache that was copied may have lost that right.)
async function isReady(file, digest) {
  if (!(await isWhole(file, digest))) return false;
  try {
    fs.accessSync(file, fs.constants.X_OK);
  } catch {
    try {
      fs.chmodSync(file, 0o755);
    } catch {
      return false;
    }
  }
  return true;
}

// folders gives where the binary may be kept, the best first: in the tool cache, as other actions lay theirs out; where that cannot be
// written or there is none, in the job's temporary folder, for the job's next steps.
function folders(env, version) {
  return [env.RUNNER_TOOL_CACHE, env.RUNNER_TEMP].filter(Boolean)
    .map((folder) => path.join(folder, 'fabricate-seed', version.replace(/^v/, ''), process.arch));
}

// ownFolder gives one that goes when this process ends.
function ownFolder() {
  const own = fs.mkdtempSync(path.join(os.tmpdir(), 'fabricate-seed-'));
  process.on('exit', () => fs.rmSync(own, { recursive: true, force: true }));
  return own;
}

// copy writes what from gives to the file, and fails for a wrong SHA-256.
async function copy(from, to, digest, progress) {
  const hash = crypto.createHash('sha256');
  let size = 0;
  const watch = new Transform({
    transform(bytes, _, done) {
      progress();
      size += bytes.length;
      hash.update(bytes);
      done(size > LARGEST ? new Failure(5, `the download is larger than ${LARGEST} bytes`) : null, bytes);
    },
  });
  await pipeline(from, watch, fs.createWriteStream(to, { flags: 'wx', mode: 0o755 }));
  const got = hash.digest('hex');
  if (got !== digest) {
    throw new Failure(5, `SHA-256 is ${got}, and not ${digest}, which this commit of the action names. ` +
      'Nothing was run. Look at who could change the file on its way: a proxy, a mirror, the release itself.');
  }
}

// shown is an address as it can be told: without what may be a secret in it.
function shown(address) {
  return address.origin + address.pathname;
}

// fetchTo downloads address to a file, in one try.
async function fetchTo(address, to, digest) {
  const where = shown(address);
  const stop = new AbortController();
  const headers = {};
  const open = new URL(address);
  if (open.username || open.password) { // fetch takes none in an address
    headers.authorization = 'Basic ' + Buffer.from(`${decodeURIComponent(open.username)}:${decodeURIComponent(open.password)}`).toString('base64');
    open.username = open.password = '';
  }
  const giveUp = (text) => () => stop.abort(new Failure(5, `${where}: ${text}`, true));
  const silent = giveUp(`nothing came for ${SILENCE / 1000} seconds`);
  const longest = setTimeout(giveUp(`not done after ${LONGEST / 60_000} minutes`), LONGEST);
  let timer = setTimeout(silent, SILENCE);
  const progress = () => {
    clearTimeout(timer);
    timer = setTimeout(silent, SILENCE);
  };
  try {
    const answer = await fetch(open, { redirect: 'follow', signal: stop.signal, headers });
    if (!answer.ok) {
      const passing = answer.status >= 500 || answer.status === 429 || answer.status === 408;
      throw new Failure(5, `the server answered ${answer.status} ${answer.statusText}`, passing);
    }
    await copy(Readable.fromWeb(answer.body), to, digest, progress);
  } catch (e) {
    if (stop.signal.aborted) throw stop.signal.reason;
    if (isOfFiles(e)) throw e;
    if (e instanceof Failure) throw new Failure(e.code, `${where}: ${e.message}`, e.passing);
    const cause = e.cause?.message || e.cause?.code || e.message;
    throw new Failure(5, `${where}: ${cause}`, true);
  } finally {
    clearTimeout(timer);
    clearTimeout(longest);
  }
}

// isOfFiles reports whether an error is of this machine's files, and not of the network.
const isOfFiles = (e) => ['open', 'write', 'mkdir', 'close'].includes(e.syscall);

const pause = (time) => new Promise((done) => setTimeout(done, time));

// obtain puts the binary of the release into place, whole or not at all, also beside another job that does the same. from is an
// address, or the path of a file.
async function obtain(from, digest, file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  removeStale(path.dirname(file));
  const part = `${file}.${process.pid}-${crypto.randomBytes(4).toString('hex')}.part`;
  const cancelled = () => {
    remove(part);
    process.exit(130);
  };
  for (const signal of SIGNALS) process.on(signal, cancelled);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        if (from instanceof URL) {
          await fetchTo(from, part, digest);
        } else {
          await copy(fs.createReadStream(from), part, digest, () => {});
        }
        break;
      } catch (e) {
        remove(part);
        if (!e.passing || attempt === TRIES) throw e;
        console.log(`${e.message}; trying again (${attempt + 1} of ${TRIES})`);
        await pause(FIRST_PAUSE * 2 ** (attempt - 1));
      }
    }
    await putInPlace(part, file, digest);
  } finally {
    for (const signal of SIGNALS) process.off(signal, cancelled);
    remove(part);
  }
}

// putInPlace renames. On Windows a file that is being run cannot be replaced, and another job may have put the same there; and one
// that was just written can be held for a moment by what looks for viruses.
async function putInPlace(part, file, digest) {
  for (let attempt = 1; ; attempt++) {
    try {
      fs.renameSync(part, file);
      return;
    } catch (e) {
      if (await isWhole(file, digest)) return;
      if (process.platform !== 'win32' || attempt === TRIES) throw e;
      await pause(FIRST_PAUSE);
    }
  }
}

function remove(file) {
  try {
    fs.rmSync(file, { force: true });
  } catch { // Windows lets nobody remove a file that is open; removeStale does later
  }
}

// removeStale removes what jobs that were killed have left of their downloads.
function removeStale(dir) {
  for (const name of fs.readdirSync(dir)) {
    const file = path.join(dir, name);
    if (name.endsWith('.part') && Date.now() - (fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > STALE) remove(file);
  }
}

// run gives the exit code of a program that has this step's environment, input and output. A cancelled step gets SIGINT, later
// SIGTERM; on Windows the console tells the program itself, and a signal from here would only kill it.
function run(program, args, env) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (process.platform !== 'win32') child.kill(signal);
      });
    }
    child.on('error', (e) => failed(new Failure(1, `${program} cannot be run: ${e.message}`)));
    child.on('exit', (code, signal) => done(code ?? 128 + os.constants.signals[signal]));
  });
}

// behindProxy reports whether downloads go through a proxy. Node heeds these variables only when it is told so as it starts.
function behindProxy(env) {
  return ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].some((name) => env[name]) && !env.NODE_USE_ENV_PROXY;
}

async function main(env) {
  const release = JSON.parse(fs.readFileSync(path.join(__dirname, 'release.json'), 'utf8'));
  if (!release.version) {
    throw new Failure(2, 'this commit of the action belongs to no release, so it names no binary. ' +
      'Use the tag or the commit of a release, such as fabricate-seed/fabricate-seed/native@v1.');
  }
  const name = binaryName(process.platform, process.arch);
  const digest = release.files[name];
  if (!digest) throw new Failure(2, `release ${release.version} has no ${name}`);
  const inFolder = (folder) => path.join(folder, `fabricate-seed${process.platform === 'win32' ? '.exe' : ''}`);
  const places = folders(env, release.version).map(inFolder);
  for (const file of places) {
    if (await isReady(file, digest)) return run(file, [], env);
  }
  if (behindProxy(env)) return run(process.execPath, [__filename], { ...env, NODE_USE_ENV_PROXY: '1' });
  for (const place of [...places, null]) {
    try {
      const file = place || inFolder(ownFolder());
      if (fs.existsSync(file)) console.log(`::warning title=fabricate-seed::${file} is not the file that was released; it is fetched anew`);
      await obtain(source(env, release, name), digest, file);
      console.log(`fabricate-seed ${release.version} for ${process.platform} ${process.arch}: fetched, SHA-256 ${digest}`);
      return run(file, [], env);
    } catch (e) {
      if (!e.syscall) throw e; // of the release; what has a system call is of this machine's files
      if (!place) throw new Failure(5, `the binary can be kept nowhere: ${e.message}`);
      console.log(`${e.message}: it is kept elsewhere`);
    }
  }
}

// source gives where the binary is: in the release, or in a copy for machines that cannot reach GitHub, with a folder for each
// version, at an address or in a folder. Whoever keeps that need not be trusted, since the SHA-256 is in this commit.
function source(env, release, name) {
  const below = (base, ...more) => {
    const address = new URL(base);
    address.pathname = [address.pathname.replace(/\/+$/, ''), ...more].join('/');
    return address;
  };
  const copies = env.FABRICATE_SEED_RELEASES;
  if (!copies) return below(release.url, name);
  if (/^https?:/i.test(copies)) {
    if (!URL.canParse(copies)) throw new Failure(2, 'FABRICATE_SEED_RELEASES is not an address');
    return below(copies, release.version, name);
  }
  const file = path.join(/^file:/i.test(copies) ? fileURLToPath(copies) : copies, release.version, name);
  if (!fs.existsSync(file)) throw new Failure(5, `FABRICATE_SEED_RELEASES has no ${file}`);
  return file;
}

main(process.env).then(
  (code) => { process.exitCode = code; },
  (e) => {
    const text = String(e instanceof Failure ? e.message : e.stack).replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
    console.log(`::error title=fabricate-seed::${text}`);
    process.exitCode = e.code >= 1 && e.code <= 255 ? e.code : 1;
  },
);
