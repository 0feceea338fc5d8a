package culvert_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert"
)

func listed(t *testing.T, name string) (found culvert.Listing) {
	t.Helper()
	all, err := culvert.List(endpoint)
	must(t, err)
	for _, one := range all {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("there is no %q among %+v", name, all)
	return
}

// pidOf is the session's encoder process; 0: there is none just now.
func pidOf(t *testing.T, name string) uint32 {
	all, err := culvert.List(endpoint)
	must(t, err)
	for _, one := range all {
		if one.Name == name {
			return one.PID
		}
	}
	return 0
}

func TestASessionSurvivesItsEncoderProcess(t *testing.T) {
	needDaemon(t)
	named := config(culvert.CodecH264)
	named.Name, named.Policy = "survivor", culvert.PolicyLatest
	s := open(t, named)
	must(t, s.Submit(frame(0, 320, 240)))
	if _, err := s.Receive(soon(t)); err != nil {
		t.Fatal(err)
	}
	before := listed(t, "survivor")
	if before.Codec != culvert.CodecH264 || before.User != uint32(syscall.Getuid()) {
		t.Errorf("%+v", before)
	}
	must(t, syscall.Kill(int(before.PID), syscall.SIGKILL))
	for i := 1; ; i++ {
		if i == 3000 {
			t.Fatal("no packet comes")
		}
		must(t, s.Submit(frame(i, 320, 240)))
		var p culvert.Packet
		if err := s.TryReceive(&p); errors.Is(err, culvert.ErrAgain) {
			time.Sleep(10 * time.Millisecond)
		} else if must(t, err); p.Epoch > 1 {
			if !p.Flags.Has(culvert.PacketKey) {
				t.Errorf("it goes on with %v", p.Flags)
			}
			break
		}
	}
	stats, err := s.Stats()
	must(t, err)
	if after := listed(t, "survivor"); stats.Restarts != 1 || after.PID == before.PID || after.ID != before.ID {
		t.Errorf("%d restarts: %+v", stats.Restarts, after)
	}
}

func TestASessionWhoseProcessesDieTooOftenEndsWithErrCrashed(t *testing.T) {
	needDaemon(t)
	named := config(culvert.CodecNull)
	named.Name, named.Policy = "mortal", culvert.PolicyLatest
	s := open(t, named)
	var killed uint32
	for i := 0; ; i++ {
		if i == 6000 {
			t.Fatal("it lives on")
		}
		if err := s.Submit(frame(i, 64, 64)); errors.Is(err, culvert.ErrCrashed) {
			break
		} else {
			must(t, err)
		}
		if pid := pidOf(t, "mortal"); pid != killed && pid != 0 {
			killed = pid
			must(t, syscall.Kill(int(pid), syscall.SIGKILL))
		}
		time.Sleep(10 * time.Millisecond)
	}
	var p culvert.Packet
	for err := error(nil); !errors.Is(err, culvert.ErrCrashed); err = s.ReceiveInto(soon(t), &p) {
		must(t, err)
	}
}

func TestAStreamIsWatched(t *testing.T) {
	needDaemon(t)
	named := config(culvert.CodecVP8)
	named.Name = "stage"
	s := open(t, named)
	must(t, s.Submit(frame(0, 320, 240)))
	if _, err := s.Receive(soon(t)); err != nil {
		t.Fatal(err)
	}
	viewer, err := culvert.Watch(endpoint, "stage")
	must(t, err)
	defer viewer.Close()
	p, err := viewer.Receive(soon(t))
	must(t, err)
	if !p.Flags.Has(culvert.PacketKey) || p.Width != 320 {
		t.Errorf("%+v", p)
	}
	expect(t, viewer.Submit(frame(1, 320, 240)), culvert.ErrUnsupported)
	_, err = culvert.Watch(endpoint, "nobody")
	expect(t, err, culvert.ErrHandle)
}

func TestOpensAndCodecsAreLogged(t *testing.T) {
	must(t, culvert.SetLogLevel(culvert.LogInfo))
	defer culvert.SetLogLevel(culvert.LogInfo)
	named := config(culvert.CodecNull)
	named.Name = "logged"
	open(t, named)
	for line, ok := culvert.ReadLog(); ; line, ok = culvert.ReadLog() {
		if !ok {
			t.Fatal("no line speaks of the session")
		}
		if strings.Contains(line, "logged") {
			break
		}
	}
	if version, err := culvert.CodecVersion(culvert.CodecNull); err != nil || !strings.Contains(version, "null") {
		t.Error(version, err)
	}
	if culvert.HasCodec(77) || !culvert.HasCodec(culvert.CodecNull) || !strings.HasPrefix(culvert.Version(), "0.") {
		t.Error(culvert.Version())
	}
}
