package culvert

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTheLibraryKnowsTheErrorsOfTheHeaderAndNoOthers(t *testing.T) {
	for e, name := range map[Error]string{
		ErrArgument: "CULVERT_E_ARGUMENT", ErrHandle: "CULVERT_E_HANDLE", ErrPTS: "CULVERT_E_PTS",
		ErrDenied:     "CULVERT_E_DENIED",
		ErrDenied - 1: "", 0: "CULVERT_OK",
	} {
		if e.Name() != name {
			t.Errorf("%d is called %q, not %q", e, e.Name(), name)
		}
	}
	if ErrHandle.Error() != "no such session or loan: it was closed, given back, or never existed" {
		t.Error(ErrHandle)
	}
}

func TestNumbersHaveTheirNames(t *testing.T) {
	for want, value := range map[string]fmt.Stringer{
		"H264": CodecH264, "Null": CodecNull, "Codec(77)": Codec(77), "AtOnce": ResizeAtOnce,
		"0RGB1555":  Format0RGB1555,
		"Key|Epoch": PacketKey | PacketEpoch, "Horizontal|64": FlipHorizontal | 64, "0": FrameFlag(0), "EOS": ResultEOS,
	} {
		if value.String() != want {
			t.Errorf("%q is called %q", want, value)
		}
	}
	if flags := PacketKey | PacketEpoch; !flags.Has(PacketKey) || flags.Has(PacketKey|PacketSync) {
		t.Error("Has asks for all flags")
	}
}

func TestMillisecondsNeverBecomeTheDefault(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000,
		Never: 1<<32 - 1, 1 << 62: 1<<32 - 1,
	} {
		if got := uint32(milliseconds(d)); got != want {
			t.Errorf("%v is %d", d, got)
		}
	}
}

func TestALibraryOfAnotherABIIsRefused(t *testing.T) {
	if checkABI(3, 3) != nil {
		t.Error("the same is refused")
	}
	if err := checkABI(4, 3); err == nil || !strings.Contains(err.Error(), "4") {
		t.Error(err)
	}
}

func TestDefaultsComeFromTheLibrary(t *testing.T) {
	d := Defaults()
	if d.Codec != CodecH264 || d.BitrateKbps != 4000 || d.Burst != 70*time.Millisecond || d.Name != "session" ||
		d.Refresh != time.Second || d.MaxHeight != 1088 || d.FPSNum != 0 {
		t.Errorf("%+v", d)
	}
}
