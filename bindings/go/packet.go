package culvert

// #include <culvert/culvert.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
	"unsafe"
)

// Receive waits for the oldest packet and takes it; its Data is the caller's own. It returns io.EOF when the session
// was finished and all was received, ctx's error when ctx ends first (a packet that is there already comes all the
// same), and ErrClosed when the session is closed meanwhile. ErrCodec is said once for frames that have failed; the
// stream goes on.
//
// Waiting is left to Go's scheduler: it holds no thread.
func (s *Session) Receive(ctx context.Context) (Packet, error) {
	var p Packet
	err := s.ReceiveInto(ctx, &p)
	return p, err
}

// ReceiveInto is Receive into a packet that exists: its Data is written over, and replaced by a larger one when it is
// too small.
func (s *Session) ReceiveInto(ctx context.Context, p *Packet) error {
	return s.await(ctx, "receive", func() C.int { return s.copyOut(p) })
}

// TryReceive is ReceiveInto without waiting: ErrAgain when there is no packet.
func (s *Session) TryReceive(p *Packet) error {
	return s.await(nil, "receive", func() C.int { return s.copyOut(p) })
}

// The room that Data has, from its beginning.
func (p *Packet) room() []byte { return p.Data[:cap(p.Data)] }

func (p *Packet) makeRoom(bytes int) {
	if cap(p.Data) < bytes {
		p.Data = make([]byte, bytes)
	}
}

func (s *Session) copyOut(p *Packet) C.int {
	from := C.struct_culvert_packet{size: C.sizeof_struct_culvert_packet}
	for {
		var data unsafe.Pointer
		var bytes C.size_t
		buffer := p.room()
		if len(buffer) > 0 {
			data = unsafe.Pointer(&buffer[0])
		}
		result := C.culvert_receive(s.handle, data, C.size_t(len(buffer)), &bytes, &from, 0)
		switch result {
		case C.CULVERT_E_BUFFER:
			p.makeRoom(int(bytes))
			continue
		case C.CULVERT_OK:
			p.fromC(&from)
			p.Data = buffer[:bytes]
		}
		return result
	}
}

// Loan is a packet that lies in the session's own memory, and is not copied. It is given back by Release, in any
// order; one that is dropped is released when the garbage collector finds it.
type Loan struct {
	Packet // Data is memory of C: read it alone, up to Release, and keep the Loan as long

	session *Session
	mutex   sync.Mutex
	number  C.culvert_loan
}

// Peek is Receive without the copy. Room is freed in order: a Loan that is kept stops the stream 256 packets later.
func (s *Session) Peek(ctx context.Context) (*Loan, error) {
	l := &Loan{session: s}
	if err := s.await(ctx, "peek", l.take); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(l, (*Loan).Release)
	return l, nil
}

func (l *Loan) take() C.int {
	from := C.struct_culvert_packet{size: C.sizeof_struct_culvert_packet}
	var data unsafe.Pointer
	var bytes C.size_t
	result := C.culvert_peek(l.session.handle, &l.number, &data, &bytes, &from, 0)
	if result == C.CULVERT_OK {
		l.fromC(&from)
		l.Data = unsafe.Slice((*byte)(data), bytes)
	}
	return result
}

// Release gives the packet back; its Data is nil afterwards. ErrHandle: the session was closed (the packet is given
// back all the same), or it was released before.
func (l *Loan) Release() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.number == 0 {
		return refusal("release", C.CULVERT_E_HANDLE, "")
	}
	result := C.culvert_release(l.number)
	l.number, l.Data = 0, nil
	runtime.SetFinalizer(l, nil)
	return l.session.check("release", result)
}
