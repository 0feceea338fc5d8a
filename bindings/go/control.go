package culvert

// #include <culvert/culvert.h>
import "C"

import "runtime"

// Change is what a control call brought about. It takes effect with the next frame that is encoded; Packet.Control and
// Stats.Control are the number of the last one that they obey.
type Change struct {
	Number  uint32 // of the call: 1, 2, ...
	Reopens bool   // it takes effect with a new epoch, which starts with a key frame
}

func (s *Session) control(call string, set func(C.culvert_session, *C.uint32_t) C.int) (Change, error) {
	defer runtime.KeepAlive(s)
	var number C.uint32_t
	result := set(s.handle, &number)
	return Change{uint32(number), result == C.CULVERT_REOPENS}, s.check(call, result)
}

// SetBitrate sets the kilobits a second, 1 to 500000 (ErrRange, ErrLevel).
func (s *Session) SetBitrate(kbps uint32) (Change, error) {
	return s.control("set bitrate", func(handle C.culvert_session, number *C.uint32_t) C.int {
		return C.culvert_set_bitrate(handle, C.uint32_t(kbps), number)
	})
}

// SetFramerate sets the frames a second, num/den as in the Config (ErrRange, ErrLevel, ErrLimit).
func (s *Session) SetFramerate(num, den uint32) (Change, error) {
	return s.control("set framerate", func(handle C.culvert_session, number *C.uint32_t) C.int {
		return C.culvert_set_framerate(handle, C.uint32_t(num), C.uint32_t(den), number)
	})
}

// SetSpeed sets the speed, 1 to 10, SpeedSlowest, or 0 for the default (ErrRange).
func (s *Session) SetSpeed(speed int32) (Change, error) {
	return s.control("set speed", func(handle C.culvert_session, number *C.uint32_t) C.int {
		return C.culvert_set_speed(handle, C.int32_t(speed), number)
	})
}

// RequestKeyframe asks for a key frame: what a viewer's picture loss indication becomes. Requests are governed: those
// that come too soon after a key frame wait, and are served together.
func (s *Session) RequestKeyframe() (Change, error) {
	return s.control("request keyframe", func(handle C.culvert_session, number *C.uint32_t) C.int {
		return C.culvert_request_keyframe(handle, number)
	})
}

// ReportLoss says that a receiver lacks the packets from pts on: the next frame refers to none of them.
func (s *Session) ReportLoss(pts int64) (Change, error) {
	return s.control("report loss", func(handle C.culvert_session, number *C.uint32_t) C.int {
		return C.culvert_report_loss(handle, C.int64_t(pts), number)
	})
}

// Pause says that nobody watches: frames are taken and skipped.
func (s *Session) Pause() (Change, error) {
	return s.control("pause", func(handle C.culvert_session, number *C.uint32_t) C.int {
		return C.culvert_pause(handle, number)
	})
}

// Resume goes on with a key frame, of the newest frame if no other comes within a frame interval.
func (s *Session) Resume() (Change, error) {
	return s.control("resume", func(handle C.culvert_session, number *C.uint32_t) C.int {
		return C.culvert_resume(handle, number)
	})
}
