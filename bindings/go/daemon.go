package culvert

// #include <culvert/culvert.h>
// #include <stdlib.h>
import "C"

import "unsafe"

// List is the sessions of the culvertd at endpoint ("unix:PATH"), in the order of their ids: a user's own, or all for
// the daemon's user and root.
func List(endpoint string) ([]Listing, error) {
	if err := terminable("list", endpoint); err != nil {
		return nil, err
	}
	path := C.CString(endpoint)
	defer C.free(unsafe.Pointer(path))
	var all []Listing
	for after := C.uint32_t(0); ; {
		from := C.struct_culvert_listing{size: C.sizeof_struct_culvert_listing}
		var line [lineBytes]C.char
		result := C.culvert_list(path, after, &from, &line[0], lineBytes)
		if result == C.CULVERT_EOS {
			return all, nil
		}
		if result < 0 {
			return nil, refusal("list", result, text(line[:]))
		}
		var listing Listing
		listing.fromC(&from)
		all = append(all, listing)
		after = from.id
	}
}

// Watch is a session that receives copies of another's packets, from the next key frame on; name is that of the
// other's Config. It receives, has statistics and is closed; everything else is ErrUnsupported. ErrHandle: there is
// no such session.
func Watch(endpoint, name string) (*Session, error) {
	if err := terminable("watch", endpoint, name); err != nil {
		return nil, err
	}
	path, watched := C.CString(endpoint), C.CString(name)
	defer C.free(unsafe.Pointer(path))
	defer C.free(unsafe.Pointer(watched))
	var handle C.culvert_session
	var line [lineBytes]C.char
	if result := C.culvert_watch(path, watched, &handle, &line[0], lineBytes); result < 0 {
		return nil, refusal("watch", result, text(line[:]))
	}
	return adopt(handle), nil
}
