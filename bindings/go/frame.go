package culvert

// #include <culvert/culvert.h>
import "C"

import (
	"runtime"
	"time"
	"unsafe"
)

func (f *Frame) pixels() (unsafe.Pointer, C.size_t) {
	if len(f.Pixels) == 0 {
		return nil, 0
	}
	return unsafe.Pointer(&f.Pixels[0]), C.size_t(len(f.Pixels))
}

// Submit converts the frame's pixels while it runs, and queues them; they are the caller's again when it returns. With
// PolicyLatest it never waits. With PolicyBlock it waits for room, but returns ErrAgain when packets must be received
// first; with PolicyReject a full queue is ErrAgain.
//
// Errors beside ErrClosed: ErrArgument (an offset or stride that does not fit the pixels, an unknown format or flag),
// ErrSize, ErrLevel, ErrPTS, ErrAgain, ErrBusy, ErrFinished; of a session through culvertd ErrCrashed and ErrGone.
func (s *Session) Submit(f *Frame) error {
	defer runtime.KeepAlive(s)
	var frame C.struct_culvert_frame
	f.toC(&frame)
	data, size := f.pixels()
	return s.check("submit", C.culvert_submit(s.handle, &frame, data, size))
}

// Encode submits the frame and waits up to timeout (1 ms to a minute) for its outcome, for those who want one call
// for each frame. The packet's Data is used for the bytes, and replaced when it is too small: a Packet that is used
// again and again costs no garbage. The packet was written with
//
//	ResultOK       it is the frame's own; with Config.Slices its first slice: go on with Receive
//	ResultEarlier  it is an earlier one that had been waiting: go on with Receive
//
// and with ResultRepeated, ResultSkipped and ResultDropped the frame yields none. With ErrTimeout and ErrBuffer the
// frame was taken all the same: its packet comes from Receive. With ErrCodec it was taken, and failed.
func (s *Session) Encode(f *Frame, p *Packet, timeout time.Duration) (Result, error) {
	if !s.receiving.CompareAndSwap(false, true) {
		return 0, refusal("encode", C.CULVERT_E_BUSY, "")
	}
	defer s.receiving.Store(false)
	defer runtime.KeepAlive(s)
	var frame C.struct_culvert_frame
	f.toC(&frame)
	data, size := f.pixels()
	p.makeRoom(1<<16 + 2*len(f.Pixels)) // more than a codec makes of it
	from, buffer := C.struct_culvert_packet{size: C.sizeof_struct_culvert_packet}, p.room()
	var bytes C.size_t
	result := C.culvert_encode(s.handle, &frame, data, size, unsafe.Pointer(&buffer[0]), C.size_t(len(buffer)), &bytes,
		&from, milliseconds(timeout))
	if result < 0 {
		return 0, s.check("encode", result)
	}
	if result == C.CULVERT_OK || result == C.CULVERT_EARLIER {
		p.fromC(&from)
		p.Data = buffer[:bytes]
	}
	return Result(result), nil
}
