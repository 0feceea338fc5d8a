import { Doorbell } from './doorbell.js';
import { CulvertError, Errno, check, checkIn, errorText, line, textOf } from './error.js';
import { pixelsOf } from './frame.js';
import { PacketFlag, Result } from './header.js';
import { Holdings } from './holdings.js';
import { integer, milliseconds, room, shown, string, structOf } from './layout.js';
import { Lease } from './lease.js';
import { native, offLoop } from './native.js';
import { Packet, PeekedPacket, ownCopy } from './packet.js';

const FIRST_UNIT_BYTES = 256 * 1024;

// Each has a doorbell, with a descriptor; the session itself is that of whoever opened it.
function giveBack({ handle, doorbell, attached }, close) {
    doorbell.close(new CulvertError(Errno.HANDLE));
    if (!attached) close(handle);
}
const sessions = new Holdings(
    (holding) => giveBack(holding, (handle) => offLoop(native.culvert_close, handle)),
    (holding) => giveBack(holding, (handle) => native.culvert_close(handle)),
);

const asked = Symbol('asked by Session itself');

/** A stream: frames go in, packets come out. */
export class Session {
    #handle;
    #doorbell;
    #holding;
    #ended = false;
    #closing = null;
    #unit = null;

    /** Opens a session; through a daemon, that may take up to 5 seconds, which nothing else waits for. */
    static async open(config) {
        const packed = structOf('culvert_config', config, 'config');
        return Session.#own((session, text) => offLoop(native.culvert_open, packed, session, text, text.length));
    }

    /** A session that receives copies of the packets of another, of the daemon at endpoint. */
    static async watch(endpoint, name) {
        string('endpoint', endpoint);
        string('name', name);
        return Session.#own((session, text) =>
            offLoop(native.culvert_watch, endpoint, name, session, text, text.length),
        );
    }

    /** The session of that handle, which another thread has opened, and closes when it ends or drops its own. */
    static attach(handle) {
        return new Session(asked, integer('handle', handle), true);
    }

    static async #own(open) {
        const handle = [0];
        const text = line();
        check(await open(handle, text), text);
        return new Session(asked, handle[0]);
    }

    constructor(key, handle, attached = false) {
        if (key !== asked) throw new TypeError('a session is opened by Session.open');
        this.#handle = handle;
        this.#doorbell = new Doorbell(handle);
        this.#holding = { handle, doorbell: this.#doorbell, attached };
        sessions.add(this, this.#holding);
    }

    /** Its number, the same in all threads: for Session.attach in another one. */
    get handle() {
        return this.#handle;
    }

    /** Whether the last packet after finish was received. */
    get ended() {
        return this.#ended;
    }

    /* ---- Frames -------------------------------------------------------------------------------------------------- */

    /** Submits a frame on this thread: its memory is free when this returns. With Policy.BLOCK it may wait. */
    submitSync(frame) {
        const { packed, data } = pixelsOf(frame);
        this.#check(native.culvert_submit(this.#handle, packed, data, data?.length ?? 0));
    }

    /** Submits a frame on another thread: its memory must not be touched before the promise settles. */
    async submit(frame) {
        const { packed, data } = pixelsOf(frame);
        this.#check(await offLoop(native.culvert_submit, this.#handle, packed, data, data?.length ?? 0));
    }

    /** Lends memory for one frame of this format and size. */
    lease({ format, width, height }) {
        const geometry = { format, width, height };
        Object.entries(geometry).forEach(([name, value]) => integer(name, value));
        const [loan, address, size] = [[0], [0], [0]];
        const result = native.culvert_lease(this.#handle, format, width, height, loan, address, size);
        if (result === Errno.LIMIT) throw new CulvertError(result);
        this.#check(result);
        return new Lease(this.#handle, loan[0], address[0], size[0], geometry);
    }

    /** Submits a frame and waits for its outcome, elsewhere: {result, packet}, a Result and the packet, if any. */
    async encode(frame, { timeout = 1000 } = {}) {
        const { packed, data } = pixelsOf(frame);
        integer('timeout', timeout);
        // Nobody else's: C may have taken the next frame before the bytes of this one are copied.
        const unit = this.#unit ?? Buffer.allocUnsafeSlow(FIRST_UNIT_BYTES);
        this.#unit = null;
        const [bytes, description] = [[0], room('culvert_packet')];
        const result = await offLoop(
            native.culvert_encode, this.#handle, packed, data, data?.length ?? 0,
            unit, unit.length, bytes, description, timeout,
        );
        if (result === Errno.BUFFER) return this.#outgrown();
        this.#unit = unit;
        this.#check(result);
        if (result !== Result.OK && result !== Result.EARLIER) return { result, packet: null };
        return { result, packet: new Packet(description, ownCopy(unit, bytes[0])) };
    }

    // The packet stays where it is, and what it is of can be told as culvert_encode would have.
    #outgrown() {
        const packet = this.#receive();
        if (!packet) throw new CulvertError(Errno.BUFFER); // somebody else has received it
        this.#unit = Buffer.allocUnsafeSlow(2 * packet.data.length);
        const own = packet.frame === this.stats().submitted && !(packet.flags & PacketFlag.INSERTED);
        return { result: own ? Result.OK : Result.EARLIER, packet };
    }

    /** No more frames: what is queued is encoded, then the stream ends. */
    finish() {
        this.#check(native.culvert_finish(this.#handle));
    }

    /* ---- Packets ------------------------------------------------------------------------------------------------- */

    /** The oldest packet, or null when there is none now, or none any more (`ended`). */
    tryReceive() {
        return this.#receive() ?? null;
    }

    /** The next packet, or null at the end of the stream. CULVERT_E_AGAIN: none came within timeout milliseconds. */
    receive(options) {
        return this.#wait(() => this.#receive(), options);
    }

    /** As tryReceive and receive, but the packet stays where it is until it is released. */
    tryPeek() {
        return this.#peek() ?? null;
    }

    peek(options) {
        return this.#wait(() => this.#peek(), options);
    }

    /** All packets until the end; the session stays open when the loop is left. */
    async *packets(options) {
        for (let packet; (packet = await this.receive(options)) !== null; ) yield packet;
    }

    [Symbol.asyncIterator]() {
        return this.packets();
    }

    /** A new descriptor for poll alone, readable when a packet may be there; whoever asked for it closes it. */
    fd() {
        const fd = [0];
        this.#check(native.culvert_fd(this.#handle, fd));
        return fd[0];
    }

    /* ---- Control ------------------------------------------------------------------------------------------------- */

    // All give {control, reopens}: the change's number, and whether it begins a new epoch.
    setBitrate(kbps) {
        return this.#control(native.culvert_set_bitrate, integer('kbps', kbps));
    }

    setFramerate(num, den = 1) {
        return this.#control(native.culvert_set_framerate, integer('num', num), integer('den', den));
    }

    setSpeed(speed) {
        return this.#control(native.culvert_set_speed, integer('speed', speed, 'int32_t'));
    }

    requestKeyframe() {
        return this.#control(native.culvert_request_keyframe);
    }

    reportLoss(pts) {
        return this.#control(native.culvert_report_loss, integer('pts', pts, 'int64_t'));
    }

    pause() {
        return this.#control(native.culvert_pause);
    }

    resume() {
        return this.#control(native.culvert_resume);
    }

    /* ---- Insight ------------------------------------------------------------------------------------------------- */

    stats() {
        const stats = room('culvert_stats');
        this.#check(native.culvert_stats(this.#handle, stats));
        return shown(stats);
    }

    /** What the codec really runs with. */
    params() {
        const needed = [0];
        const ask = (text) => native.culvert_params(this.#handle, text, text.length, needed);
        let text = Buffer.alloc(1024);
        let result = ask(text);
        for (; result === Errno.BUFFER; result = ask(text)) text = Buffer.alloc(needed[0]);
        this.#check(result);
        return textOf(text);
    }

    errorText() {
        return errorText(this.#handle);
    }

    /* ---- The end ------------------------------------------------------------------------------------------------- */

    /** Closes the session, once, whoever asks and however often. All who wait in it get CULVERT_E_HANDLE. */
    close() {
        this.#closing ??= this.#close();
        return this.#closing;
    }

    async #close() {
        this.#doorbell.close(new CulvertError(Errno.HANDLE));
        const result = await offLoop(native.culvert_close, this.#handle);
        sessions.delete(this, this.#holding);
        if (result !== Errno.HANDLE) check(result);
    }

    /* ---- What these share ---------------------------------------------------------------------------------------- */

    #check(result) {
        return checkIn(this.#handle, result);
    }

    #control(call, ...args) {
        const control = [0];
        const result = this.#check(call(this.#handle, ...args, control));
        return { control: control[0], reopens: result === Result.REOPENS };
    }

    async #wait(attempt, { timeout = Infinity, signal } = {}) {
        const none = () => new CulvertError(Errno.AGAIN);
        return this.#doorbell.wait(attempt, { timeout: milliseconds(timeout), signal, onTimeout: none });
    }

    // undefined: nothing is there now; null: nor will be
    #outcome(result) {
        if (result === Errno.AGAIN) return undefined;
        this.#check(result);
        this.#ended = true;
        return null;
    }

    #receive() {
        const [bytes, description] = [[0], room('culvert_packet')];
        const ask = (buffer) =>
            native.culvert_receive(this.#handle, buffer, buffer?.length ?? 0, bytes, description, 0);
        let data = null;
        let result = ask(data);
        // Again, for another thread may have taken that packet; the next one may be larger.
        for (; result === Errno.BUFFER; result = ask(data)) data = Buffer.allocUnsafeSlow(bytes[0]);
        if (result !== Result.OK) return this.#outcome(result);
        return new Packet(description, data ? data.subarray(0, bytes[0]) : Buffer.alloc(0));
    }

    #peek() {
        const [loan, address, bytes, description] = [[0], [0], [0], room('culvert_packet')];
        const result = native.culvert_peek(this.#handle, loan, address, bytes, description, 0);
        if (result === Errno.LIMIT) throw new CulvertError(result);
        if (result !== Result.OK) return this.#outcome(result);
        return new PeekedPacket(description, loan[0], address[0], bytes[0]);
    }
}
if (Symbol.asyncDispose) Session.prototype[Symbol.asyncDispose] = Session.prototype.close;
