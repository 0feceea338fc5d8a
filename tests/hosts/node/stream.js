// One stream of the storm, in a thread of its own: sessions are opened, played in and left without pause, and garbage
// is collected all the time.
import { closeSync, openSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Codec, Policy, Session } from 'culvert';
import { Game, handOver, randomOf } from './game.js';

const { codec, changes, seed, endpoint, path } = workerData;
const random = randomOf(seed);
const game = new Game(random);
const file = openSync(path, 'w');
const totals = { frames: 0, sessions: 0 };

let collecting = true;
function collect() {
    gc();
    if (collecting) setImmediate(collect);
}

function ivfHeader() {
    const header = Buffer.alloc(32);
    header.write('DKIF\0\0\x20\0VP80', 'latin1');
    header.writeUInt32LE(60, 16);
    header.writeUInt32LE(1, 20);
    return header;
}

function ivfFrameHeader(bytes, time) {
    const header = Buffer.alloc(12);
    header.writeUInt32LE(bytes, 0);
    header.writeBigUInt64LE(BigInt(time), 4);
    return header;
}

function write({ data }) {
    if (codec === Codec.VP8) writeSync(file, ivfFrameHeader(data.length, totals.frames));
    writeSync(file, data);
}

/** All samples of the picture are the number of its frame. */
function compare({ data, frame, flags }) {
    const wrong = data.subarray(32).findIndex((sample) => sample !== frame % 251);
    if (wrong >= 0) throw new Error(`frame ${frame} (${flags}) has ${data[32 + wrong]} at ${wrong}`);
}

async function receiveAll(session, signal) {
    let received = 0;
    for await (const packet of session.packets({ signal })) {
        (codec === Codec.NULL ? compare : write)(packet);
        totals.frames++;
        received++;
    }
    const { packets } = session.stats();
    if (packets !== received) throw new Error(`${received} of ${packets} packets were received`);
}

const settings = {
    fpsNum: 60, fpsDen: 1, speed: 10, codec, endpoint, maxWidth: 640, maxHeight: 480, policy: Policy.BLOCK,
    options: codec === Codec.NULL ? 'pixels=1' : '',
};

async function play(session, draw, until) {
    while (game.changes < until) {
        game.changeSize();
        for (let frames = 1 + Math.floor(random() * 4); frames > 0; frames--) await handOver(session, draw, random);
    }
}

const endings = [
    async (session, received) => {
        session.finish();
        await received;
        await session.close();
    },
    // In the middle of it.
    async (session, received, { draw }) => {
        const last = session.submit(draw()).catch(() => {});
        await Promise.all([session.close(), session.close(), last, received.catch(expect('CULVERT_E_HANDLE'))]);
    },
    // Forgotten: the session is closed when it is collected.
    async (session, received, { controller }) => {
        controller.abort();
        await received.catch(expect('ABORT_ERR'));
    },
];

function expect(code) {
    return (error) => {
        if (error.code !== code && error.name !== 'AbortError') throw error;
    };
}

async function playOne() {
    const session = await Session.open({ ...settings, name: `storm-${seed}` });
    const controller = new AbortController();
    const received = receiveAll(session, controller.signal);
    received.catch(() => {});
    totals.sessions++;
    const draw = codec === Codec.NULL ? () => game.drawPlain((session.stats().submitted + 1) % 251) : () => game.draw();
    await play(session, draw, Math.min(game.changes + 10 + Math.floor(random() * 30), changes));
    await endings[Math.floor(random() * endings.length)](session, received, { controller, draw });
}

if (codec === Codec.VP8) writeSync(file, ivfHeader());
setImmediate(collect);
while (game.changes < changes) await playOne();
collecting = false;
closeSync(file);
parentPort.postMessage({ ...totals, changes: game.changes });
