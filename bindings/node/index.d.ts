import type {
    Codec, Config, ErrorCode, FrameDescription, Format, Listing, LogSeverity, PacketDescription, Result, Stats,
} from './lib/header.js';

export {
    Codec, ConfigFlag, Filter, Flip, Floor, Format, FrameFlag, LogSeverity, Matrix, NEVER, PTS_NOW, PacketFlag, Policy,
    Profile, Range, Resize, Result, SPEED_SLOWEST,
} from './lib/header.js';
export type {
    Config, ErrorCode, FrameDescription, Latency, Listing, PacketDescription, Stats,
} from './lib/header.js';

/** Memory that culvert reads where it is. */
export type Pixels = ArrayBufferView | ArrayBufferLike;

/** A frame with its pixels; without a pts, the time of its submission. data may be left out with FrameFlag.SAME. */
export interface Frame extends FrameDescription {
    data?: Pixels | null;
}

export interface WaitOptions {
    /** Milliseconds; Infinity, the default: until a packet, the end, or a close. */
    timeout?: number;
    signal?: AbortSignal;
}

/** What a control call did. */
export interface Change {
    /** The call's number: packets and statistics carry that of the last one that they obey. */
    readonly control: number;
    /** Whether it takes effect with a new epoch, which starts with a key frame. */
    readonly reopens: boolean;
}

export interface Outcome {
    readonly result: Result;
    /** The frame's own packet with Result.OK, an earlier one with Result.EARLIER. */
    readonly packet: Packet | null;
}

/** What a call refused. Its message is culvert's own line about it, if there is one. */
export declare class CulvertError extends Error {
    constructor(errno: number, line?: string);
    readonly code: ErrorCode;
    /** The error's number in culvert.h. */
    readonly errno: number;
}

export interface Packet extends PacketDescription {}
/** A packet, and its bytes in memory of their own, which may be transferred to another thread. */
export declare class Packet {
    private constructor();
    readonly data: Buffer;
    /** Whether decoding can begin here. */
    get key(): boolean;
}

export interface PeekedPacket extends PacketDescription {}
/** A packet that still lies in culvert's memory, to be copied where it is wanted and released. */
export declare class PeekedPacket {
    private constructor();
    readonly bytes: number;
    get key(): boolean;
    /** As Buffer.copy: as much as target has room for; returns the bytes copied. CULVERT_E_HANDLE once released. */
    copy(target: Pixels, targetStart?: number, sourceStart?: number, sourceEnd?: number): number;
    /** Gives the packet back; a second call does nothing. */
    release(): void;
}

/** Memory of culvert's that a frame is written into, and then committed. */
export declare class Lease {
    private constructor();
    readonly size: number;
    /** Copies all of source to that offset. CULVERT_E_HANDLE once it ended, CULVERT_E_BUFFER if it does not fit. */
    write(source: Pixels, offset?: number): void;
    /** Submits the frame and ends the lease; after an error other than CULVERT_E_HANDLE the lease goes on. */
    commitSync(frame?: Partial<FrameDescription>): void;
    /** The same on another thread; until it settles the lease is CULVERT_E_BUSY. */
    commit(frame?: Partial<FrameDescription>): Promise<void>;
    /** Ends the lease without a frame; a second call does nothing. */
    abandon(): void;
}

/** A stream: frames go in, packets come out. One that is dropped is closed when it is collected. */
export declare class Session implements AsyncIterable<Packet> {
    private constructor();
    /** Opens a session; with an endpoint, that may take up to 5 seconds, which nothing else waits for. */
    static open(config: Config): Promise<Session>;
    /** A session that receives copies of the packets of the session `name` of the daemon at endpoint. */
    static watch(endpoint: string, name: string): Promise<Session>;
    /** The session of that handle, opened by another thread, which also is the one to keep it from being dropped. */
    static attach(handle: number): Session;

    /** The session's number, the same in all threads of the process. */
    get handle(): number;
    /** Whether the end of the stream was received. */
    get ended(): boolean;

    /** Submits a frame on this thread: its memory is free when this returns. With Policy.BLOCK it may wait. */
    submitSync(frame: Frame): void;
    /** Submits a frame on another thread: its memory must not be touched before the promise settles. */
    submit(frame: Frame): Promise<void>;
    /** Lends memory for one frame of this format and size; at most four at a time. */
    lease(frame: { format: Format; width: number; height: number }): Lease;
    /** Submits a frame on another thread and waits for its outcome, up to timeout milliseconds (1 to 60000, 1000). */
    encode(frame: Frame, options?: { timeout?: number }): Promise<Outcome>;
    /** No more frames: what is queued is encoded, then the stream ends. */
    finish(): void;

    /** The oldest packet, or null when there is none now, or none any more (`ended`). */
    tryReceive(): Packet | null;
    /** The next packet, or null at the end. CULVERT_E_AGAIN: none came in time; an abort rejects with its reason. */
    receive(options?: WaitOptions): Promise<Packet | null>;
    tryPeek(): PeekedPacket | null;
    peek(options?: WaitOptions): Promise<PeekedPacket | null>;
    /** All packets until the end. The session stays open when the loop is left. */
    packets(options?: WaitOptions): AsyncGenerator<Packet, void, void>;
    [Symbol.asyncIterator](): AsyncGenerator<Packet, void, void>;
    /** A new descriptor for poll alone, readable when a packet may be there; the caller closes it. */
    fd(): number;

    /** 1 to 500000 kilobits (1000) per second. */
    setBitrate(kbps: number): Change;
    /** num/den frames per second. */
    setFramerate(num: number, den?: number): Change;
    /** 1 to 10, SPEED_SLOWEST, or 0 for the default. */
    setSpeed(speed: number): Change;
    /** The next frame becomes a key frame; requests that come fast are served together. */
    requestKeyframe(): Change;
    /** Frames from pts on, up to the last packet, did not arrive at a receiver. */
    reportLoss(pts: number | bigint): Change;
    /** Nobody watches: frames are taken and skipped. */
    pause(): Change;
    /** Goes on, with a key frame. */
    resume(): Change;

    stats(): Stats;
    /** What the codec really runs with. CULVERT_E_AGAIN before the first frame was encoded. */
    params(): string;
    /** The session's last error as one line, '' when there was none. */
    errorText(): string;

    /** Closes the session, once, whoever asks and however often. All who wait in it get CULVERT_E_HANDLE. */
    close(): Promise<void>;
}

/** That of the library that was found, '0.3.0' say. */
export declare const version: string;
/** Whether this build has a codec. */
export declare function hasCodec(codec: Codec): boolean;
/** One line about the codec's library. */
export declare function codecVersion(codec: Codec): string;
/** Every default of a session's settings; the frame rate has none. */
export declare function configDefaults(): Required<Config>;
/** Keeps lines of this severity and graver ones for readLogLine, for the whole process. */
export declare function setLogLevel(severity: LogSeverity): void;
/** The oldest line of the log that was not read yet, or null. */
export declare function readLogLine(): string | null;
/** The sessions of the daemon at endpoint, in the order in which they were opened. */
export declare function list(endpoint: string): AsyncGenerator<Listing, void, void>;
