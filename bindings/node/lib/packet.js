import { CulvertError, Errno, check } from './error.js';
import { PacketFlag } from './header.js';
import { Holdings } from './holdings.js';
import { bytesOf, shown } from './layout.js';
import { copyOut, native } from './native.js';

/** What a packet is, by culvert's description; `reference` holds as many pts as there are `references`. */
function describe(packet, description) {
    Object.assign(packet, shown(description));
    packet.reference = packet.reference.slice(0, packet.references);
}

/** A packet, and its bytes as a Buffer of its own, whose memory may be transferred to another thread. */
export class Packet {
    constructor(description, data) {
        describe(this, description);
        this.data = data;
    }

    /** Whether decoding can begin here. */
    get key() {
        return (this.flags & PacketFlag.KEY) !== 0;
    }
}

/** The first bytes of a buffer, in memory of their own. */
export function ownCopy(buffer, bytes) {
    const copy = Buffer.allocUnsafeSlow(bytes);
    buffer.copy(copy, 0, 0, bytes);
    return copy;
}

const peeked = new Holdings((loan) => native.culvert_release(loan));

/** A packet that still lies in culvert's memory, to be copied where it is wanted and released. */
export class PeekedPacket {
    #loan;
    #address;
    #bytes;

    constructor(description, loan, address, bytes) {
        describe(this, description);
        this.#loan = loan;
        this.#address = BigInt(address);
        this.#bytes = bytes;
        peeked.add(this, loan);
    }

    get bytes() {
        return this.#bytes;
    }

    get key() {
        return (this.flags & PacketFlag.KEY) !== 0;
    }

    /** As Buffer.copy: as much as target has room for; returns how many bytes that was. */
    copy(target, targetStart = 0, sourceStart = 0, sourceEnd = this.#bytes) {
        if (this.#loan === 0) throw new CulvertError(Errno.HANDLE);
        const source = clamp(sourceStart, this.#bytes);
        const into = bytesOf(target, 'target').subarray(clamp(targetStart, Infinity));
        const length = Math.min(into.length, Math.max(clamp(sourceEnd, this.#bytes) - source, 0));
        if (length > 0) copyOut(into, this.#address + BigInt(source), length);
        return length;
    }

    /** Gives it back, once; the memory is culvert's again even if its session was closed. */
    release() {
        if (this.#loan === 0) return;
        const result = native.culvert_release(this.#loan);
        peeked.delete(this, this.#loan);
        this.#loan = 0;
        if (result !== Errno.HANDLE) check(result);
    }
}
if (Symbol.dispose) PeekedPacket.prototype[Symbol.dispose] = PeekedPacket.prototype.release;

function clamp(index, most) {
    return Math.min(Math.max(Math.trunc(index) || 0, 0), most);
}
