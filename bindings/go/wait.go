package culvert

// #include <culvert/culvert.h>
import "C"

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"
)

// The library promises a descriptor that is readable while there is something to receive; Go's poller looks at changes
// alone, and one that was readable for nothing need not change. So who waits looks again, once in a while.
const beat = time.Second

// File is a new descriptor that is readable while a packet, the end of the stream or a failure waits, and may be so
// for nothing; after Close it is always. It is the caller's to close, and for polling alone (os.File.SyscallConn):
// nothing may be read or written.
func (s *Session) File() (*os.File, error) {
	defer runtime.KeepAlive(s)
	var fd C.int
	if err := s.check("fd", C.culvert_fd(s.handle, &fd)); err != nil {
		return nil, err
	}
	// Else os.NewFile keeps it from the poller.
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		syscall.Close(int(fd))
		return nil, err
	}
	return os.NewFile(uintptr(fd), "culvert"), nil
}

func (s *Session) ownBell() (*os.File, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.bell == nil {
		bell, err := s.File()
		if err != nil {
			return nil, err
		}
		s.bell = bell
	}
	return s.bell, nil
}

// Takes what there is, or waits for it until ctx ends; without one it does not wait.
func (s *Session) await(ctx context.Context, call string, take func() C.int) error {
	if !s.receiving.CompareAndSwap(false, true) {
		return refusal(call, C.CULVERT_E_BUSY, "")
	}
	defer s.receiving.Store(false)
	defer runtime.KeepAlive(s)
	result := take()
	if result == C.CULVERT_E_AGAIN && ctx != nil {
		var err error
		if result, err = s.sleep(ctx, take); err != nil {
			return err
		}
	}
	if result == C.CULVERT_EOS {
		return io.EOF
	}
	return s.checkLoan(call, result)
}

func (s *Session) sleep(ctx context.Context, take func() C.int) (result C.int, err error) {
	bell, err := s.ownBell()
	if err != nil {
		return 0, err
	}
	raw, err := bell.SyscallConn()
	if err != nil {
		return take(), nil // closed meanwhile, and take says so
	}
	defer wakeAtEnd(ctx, bell)()
	for {
		bell.SetReadDeadline(time.Now().Add(beat))
		// In this order: the end of ctx is seen here, or its deadline takes the place of this one.
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		err := raw.Read(func(uintptr) bool {
			result = take()
			return result != C.CULVERT_E_AGAIN
		})
		if err == nil {
			return result, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			if result = take(); result == C.CULVERT_E_AGAIN {
				return 0, err
			}
			return result, nil // the bell was closed because the session was
		}
	}
}

// What it returns ends it, and waits until it has left the bell alone.
func wakeAtEnd(ctx context.Context, bell *os.File) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-ctx.Done():
			bell.SetReadDeadline(time.Unix(1, 0))
		case <-quit:
		}
	}()
	return func() {
		close(quit)
		<-gone
	}
}
