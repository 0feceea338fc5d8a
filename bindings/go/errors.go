package culvert

// #include <culvert/culvert.h>
import "C"

import "io/fs"

// Error is the kind of an error; errors.Is(err, culvert.ErrSize) asks for one.
type Error int32

// ErrClosed is what calls on a closed session return, and the second Close.
const ErrClosed = ErrHandle

// Is lets errors.Is(err, fs.ErrClosed) find what was closed, too.
func (e Error) Is(target error) bool { return e == ErrClosed && target == fs.ErrClosed }

// Error is the library's message for it, without a full stop.
func (e Error) Error() string { return C.GoString(C.culvert_strerror(C.int(e))) }

// Name is its name in C: "CULVERT_E_SIZE".
func (e Error) Name() string { return C.GoString(C.culvert_error_name(C.int(e))) }

// CallError is an error of one call.
type CallError struct {
	Call string // "open", "submit"
	Err  Error
	Line string // what the library says about it; "" when its kind says all
}

// Error is all of it, in one line.
func (e *CallError) Error() string {
	out := "culvert " + e.Call + ": " + e.Err.Error()
	if e.Line != "" {
		out += ": " + e.Line
	}
	return out
}

// Unwrap is the kind of the error.
func (e *CallError) Unwrap() error { return e.Err }

func refusal(call string, result C.int, line string) error {
	return &CallError{call, Error(result), line}
}

// What a call that lends returned: too many loans leave the session's last line to another error.
func (s *Session) checkLoan(call string, result C.int) error {
	if result == C.CULVERT_E_LIMIT {
		return refusal(call, result, "")
	}
	return s.check(call, result)
}

// What a call of a session returned. Some kinds say all there is to say, and leave the session's last line to another.
func (s *Session) check(call string, result C.int) error {
	if result >= 0 {
		return nil
	}
	switch Error(result) {
	case ErrHandle, ErrBusy, ErrAgain, ErrTimeout, ErrBuffer, ErrFinished:
		return refusal(call, result, "")
	}
	return refusal(call, result, s.ErrorText())
}
