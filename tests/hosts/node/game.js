// An emulated game that changes its size all the time, and hands its frames over in the ways that there are.
import { Format } from 'culvert';

export const sizes = [
    [256, 240], [320, 240], [368, 240], [512, 240], [640, 240], [256, 224], [320, 224], [384, 240], [640, 480],
];

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomOf(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let mixed = Math.imul(state ^ (state >>> 15), state | 1);
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

export class Game {
    #random;
    #size = sizes[0];
    #time = 0;
    changes = 0;

    constructor(random) {
        this.#random = random;
    }

    changeSize() {
        const others = sizes.filter((size) => size !== this.#size);
        this.#size = others[Math.floor(this.#random() * others.length)];
        this.changes++;
    }

    /** A frame in memory of its own. */
    draw() {
        const [width, height] = this.#size;
        const data = new Uint16Array(width * height);
        const time = ++this.#time;
        for (let y = 0; y < height; y++) data.fill(((y >> 3) * 37 + time * 5) & 0xffff, y * width, (y + 1) * width);
        data.fill(time * 2113, (time % 97) * width, (time % 97) * width + width * 16);
        return { format: Format.RGB565, width, height, data };
    }

    /** A frame whose samples are all the same number; of frame n, n. */
    drawPlain(number) {
        const [width, height] = this.#size;
        return { format: Format.I420, width, height, data: Buffer.alloc((width * height * 3) / 2, number) };
    }
}

const ways = [
    // Overwritten the moment it returns.
    (session, frame) => {
        session.submitSync(frame);
        frame.data.fill(0xa5);
    },
    async (session, frame) => {
        await session.submit(frame);
        frame.data.fill(0x5a);
    },
    // Nobody but the call holds the memory.
    (session, frame) => session.submit({ ...frame, data: frame.data.slice() }),
    async (session, { data, ...frame }) => {
        const lease = session.lease(frame);
        lease.write(data);
        data.fill(0xff);
        await lease.commit(frame);
    },
    (session, { data, ...frame }) => {
        const lease = session.lease(frame);
        session.lease(frame).write(data);
        lease.write(data);
        data.fill(0x33);
        lease.commitSync(frame);
    },
];

/** Hands a frame over, in one of the ways; when there is no room, once more. */
export async function handOver(session, draw, random) {
    for (;;) {
        try {
            return await ways[Math.floor(random() * ways.length)](session, draw());
        } catch (error) {
            if (error.code !== 'CULVERT_E_AGAIN' && error.code !== 'CULVERT_E_LIMIT') throw error;
        }
        await new Promise(setImmediate);
    }
}
