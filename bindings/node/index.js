export {
    Codec,
    ConfigFlag,
    Filter,
    Flip,
    Floor,
    Format,
    FrameFlag,
    LogSeverity,
    Matrix,
    NEVER,
    PTS_NOW,
    PacketFlag,
    Policy,
    Profile,
    Range,
    Resize,
    Result,
    SPEED_SLOWEST,
} from './lib/header.js';
export { CulvertError } from './lib/error.js';
export { Lease } from './lib/lease.js';
export {
    codecVersion,
    configDefaults,
    hasCodec,
    list,
    readLogLine,
    setLogLevel,
    version,
} from './lib/library.js';
export { Packet, PeekedPacket } from './lib/packet.js';
export { Session } from './lib/session.js';
