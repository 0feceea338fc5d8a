// Several streams at once, each in a thread, of games that change their size without pause; what was received must
// decode, frame for frame, and memory must not grow: node --expose-gc storm.js [CHANGES [SEED]]
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Codec, hasCodec } from 'culvert';

const changes = Number(process.argv[2] ?? 800);
const seed = Number(process.argv[3] ?? 1);
const endpoint = process.env.CULVERT_ENDPOINT ?? '';

const games = [
    { codec: Codec.H264, format: 'h264' },
    { codec: Codec.H264, format: 'h264' },
    { codec: Codec.VP8, format: 'ivf' },
    { codec: Codec.NULL },
].filter(({ codec }) => hasCodec(codec));

const directory = mkdtempSync(join(tmpdir(), 'culvert-storm-'));
process.on('exit', () => rmSync(directory, { recursive: true }));

function play(game, index) {
    const workerData = {
        ...game, changes: Math.ceil(changes / games.length), seed: seed * 1000 + index, endpoint,
        path: join(directory, String(index)),
    };
    const worker = new Worker(new URL('stream.js', import.meta.url), { workerData });
    return new Promise((resolve, reject) => {
        worker.on('message', (totals) => resolve({ ...workerData, ...totals }));
        worker.on('error', reject);
    });
}

const run = promisify(execFile);

/** How many frames ffmpeg decodes; it must complain of nothing. */
async function decoded({ format, path }) {
    const quietly = ['-v', 'error', '-nostats', '-progress', '-', '-f', format, '-i', path];
    const { stdout, stderr } = await run('ffmpeg', [...quietly, '-fps_mode', 'passthrough', '-f', 'null', '-']);
    if (stderr) throw new Error(`${path}: ${stderr}`);
    return Number(stdout.match(/^frame=(\d+)/gm).at(-1).slice('frame='.length));
}

async function verify(stream) {
    if (!stream.format) return;
    const frames = await decoded(stream);
    if (frames !== stream.frames) throw new Error(`${stream.frames} frames were received, ${frames} are decoded`);
}

/** What the process holds in memory, in MB, every tenth of a second, until it is stopped. */
function weigh() {
    const weights = [];
    const timer = setInterval(() => weights.push(process.memoryUsage.rss() / 2 ** 20), 100);
    return () => {
        clearInterval(timer);
        return weights;
    };
}

function median(numbers) {
    return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

const stop = weigh();
const streams = await Promise.all(games.map(play));
const weights = stop();
await Promise.all(streams.map(verify));

const quarter = weights.length >> 2;
const [warm, last] = [median(weights.slice(quarter, 2 * quarter)), median(weights.slice(3 * quarter))];
const sum = (name) => streams.reduce((total, stream) => total + stream[name], 0);
const [sized, packets, sessions] = ['changes', 'frames', 'sessions'].map(sum);
console.log(`# figure: ${sized} size changes, ${packets} packets, ${sessions} sessions; seed ${seed}`);
console.log(`# figure: ${warm.toFixed()} MB in the second quarter, ${last.toFixed()} MB in the last`);
if (last > warm * 1.25 + 16) throw new Error('memory grows');
