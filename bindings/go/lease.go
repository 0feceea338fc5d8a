package culvert

// #include <culvert/culvert.h>
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// Lease is memory of C for a frame that a renderer writes in place. It is given back by a Commit that succeeds or by
// Abandon; one that is dropped is abandoned when the garbage collector finds it.
type Lease struct {
	session *Session
	frame   Frame // format and size

	mutex sync.Mutex
	loan  C.culvert_loan
	bytes []byte
}

// Lease lends memory for a tight frame of this format and size, at most four at a time (ErrLimit). Its content is
// undefined.
func (s *Session) Lease(format Format, width, height uint32) (*Lease, error) {
	defer runtime.KeepAlive(s)
	l := &Lease{session: s, frame: Frame{Format: format, Width: width, Height: height}}
	var data unsafe.Pointer
	var size C.size_t
	result := C.culvert_lease(s.handle, C.uint32_t(format), C.uint32_t(width), C.uint32_t(height), &l.loan, &data,
		&size)
	if err := s.checkLoan("lease", result); err != nil {
		return nil, err
	}
	l.bytes = unsafe.Slice((*byte)(data), size)
	runtime.SetFinalizer(l, (*Lease).Abandon)
	return l, nil
}

// Bytes is the memory, aligned to 64; nil after it was given back. A slice of it must not be used any more then, nor
// after the Lease itself has been dropped.
func (l *Lease) Bytes() []byte {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.bytes
}

// Commit submits the memory as a frame, as Submit does, and gives it back. Format, Width and Height of f may be 0,
// and are the lease's then; its Pixels are not looked at. After ErrHandle (the session was closed, or the lease was
// given back before) the lease is gone; after every other error it is still the caller's, who may commit again.
func (l *Lease) Commit(f *Frame) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.bytes == nil {
		return refusal("commit", C.CULVERT_E_HANDLE, "")
	}
	own := *f
	if f.Format == 0 && f.Width == 0 && f.Height == 0 {
		own.Format, own.Width, own.Height = l.frame.Format, l.frame.Width, l.frame.Height
	}
	var frame C.struct_culvert_frame
	own.toC(&frame)
	result := C.culvert_commit(l.loan, &frame)
	if result >= 0 || result == C.CULVERT_E_HANDLE {
		l.end()
	}
	return l.session.check("commit", result)
}

// Abandon gives the memory back, without a frame. ErrHandle: the session was closed (the memory is given back all the
// same), or the lease was given back before.
func (l *Lease) Abandon() error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.bytes == nil {
		return refusal("abandon", C.CULVERT_E_HANDLE, "")
	}
	l.end()
	return l.session.check("abandon", C.culvert_abandon(l.loan))
}

func (l *Lease) end() {
	l.bytes = nil
	runtime.SetFinalizer(l, nil)
}
