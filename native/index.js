// The action for runners without Docker: it finds the binary of the release that this commit belongs to, makes sure that it
// is the one whose SHA-256 stands in release.json beside this file, and runs it with the step's inputs. It needs nothing but
// Node, which every runner has, and passes on what it was given: environment, output, signals, exit code.
'use strict';

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable, Transform } = require('node:stream');
const { pipeline } = require('node:stream/promises');

const TRIES = 4; // of one download
const FIRST_PAUSE = 1000; // milliseconds between the first two; doubles
const SILENCE = 30_000; // milliseconds without a byte before a try is given up
const LARGEST = 256 << 20; // bytes of a binary

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
    if (e.code === 'ENOENT') return false;
    throw e;
  }
}

// folder is the one in the tool cache, as other actions lay theirs out, or a new one where the runner has no tool cache.
function folder(env, version) {
  if (env.RUNNER_TOOL_CACHE) {
    return path.join(env.RUNNER_TOOL_CACHE, 'fabricate-seed', version.replace(/^v/, ''), process.arch);
  }
  return fs.mkdtempSync(path.join(env.RUNNER_TEMP || os.tmpdir(), 'fabricate-seed-'));
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

// fetchTo downloads address to a file, in one try.
async function fetchTo(address, to, digest) {
  const stop = new AbortController();
  const silent = new Failure(5, `${address}: nothing came for ${SILENCE / 1000} seconds`, true);
  let timer = setTimeout(() => stop.abort(silent), SILENCE);
  const progress = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(silent), SILENCE);
  };
  try {
    const answer = await fetch(address, { redirect: 'follow', signal: stop.signal });
    if (!answer.ok) {
      const passing = answer.status >= 500 || answer.status === 429 || answer.status === 408;
      throw new Failure(5, `${address}: the server answered ${answer.status} ${answer.statusText}`, passing);
    }
    await copy(Readable.fromWeb(answer.body), to, digest, progress);
  } catch (e) {
    if (stop.signal.aborted) throw silent;
    if (e instanceof Failure) throw Object.assign(e, { message: e.message.startsWith(address) ? e.message : `${address}: ${e.message}` });
    throw new Failure(5, `${address}: ${e.cause?.message || e.message}`, true);
  } finally {
    clearTimeout(timer);
  }
}

const pause = (time) => new Promise((done) => setTimeout(done, time));

// obtain puts the binary of the release into place, whole or not at all, also beside another job that does the same.
async function obtain(base, name, digest, file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}-${crypto.randomBytes(4).toString('hex')}.part`;
  const local = !/^https?:\/\//i.test(base);
  const from = local ? path.join(base, name) : `${base.replace(/\/+$/, '')}/${name}`;
  const cancelled = () => {
    fs.rmSync(part, { force: true });
    process.exit(130);
  };
  process.on('SIGINT', cancelled).on('SIGTERM', cancelled);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        if (local) {
          await copy(fs.createReadStream(from), part, digest, () => {});
        } else {
          await fetchTo(from, part, digest);
        }
        break;
      } catch (e) {
        fs.rmSync(part, { force: true });
        if (!e.passing || attempt === TRIES) throw e instanceof Failure ? e : new Failure(5, `${from}: ${e.message}`);
        console.log(`${e.message}; trying again (${attempt + 1} of ${TRIES})`);
        await pause(FIRST_PAUSE * 2 ** (attempt - 1));
      }
    }
    try {
      fs.renameSync(part, file);
    } catch (e) { // on Windows a file that is being run cannot be replaced; another job may have put the same there
      if (!(await isWhole(file, digest))) throw new Failure(5, `${file}: ${e.message}`);
    }
  } finally {
    process.off('SIGINT', cancelled).off('SIGTERM', cancelled);
    fs.rmSync(part, { force: true });
  }
}

// run gives the exit code of a program that has this step's environment, input and output. A cancelled step gets SIGINT, later
// SIGTERM; on Windows the console tells the program itself, and a signal from here would only kill it.
function run(program, args, env) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
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
  const file = path.join(folder(env, release.version), `fabricate-seed${process.platform === 'win32' ? '.exe' : ''}`);
  if (!(await isWhole(file, digest))) {
    if (fs.existsSync(file)) console.log(`::warning::${file} is not the file that was released; it is fetched anew`);
    if (behindProxy(env)) return run(process.execPath, [__filename], { ...env, NODE_USE_ENV_PROXY: '1' });
    // A copy for machines that cannot reach GitHub: whoever keeps it need not be trusted, since the SHA-256 is in this commit.
    const base = env.FABRICATE_SEED_RELEASES ? copyOf(env.FABRICATE_SEED_RELEASES, release.version) : release.url;
    await obtain(base, name, digest, file);
    console.log(`fabricate-seed ${release.version} for ${process.platform} ${process.arch}: fetched, SHA-256 ${digest}`);
  }
  return run(file, [], env);
}

// copyOf gives where the files of a version are, in a folder or at an address with one folder for each version.
function copyOf(base, version) {
  return /^https?:\/\//i.test(base) ? `${base.replace(/\/+$/, '')}/${version}` : path.join(base, version);
}

main(process.env).then(
  (code) => { process.exitCode = code; },
  (e) => {
    const text = String(e instanceof Failure ? e.message : e.stack).replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
    console.log(`::error title=fabricate-seed::${text}`);
    process.exitCode = e.code >= 1 && e.code <= 255 ? e.code : 1;
  },
);
