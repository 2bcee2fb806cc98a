package collections

// MaxDepth is how deep arrays and objects of an item may be nested.
const MaxDepth = 64

// CheckJSON tells whether raw is one JSON value that every reader reads the same.
func CheckJSON(raw []byte, maxDepth int) error { panic("skeleton") }

// EqualJSON tells whether two checked JSON texts are the same value.
func EqualJSON(a, b []byte) bool { panic("skeleton") }

// CompactJSON appends raw, which has been checked, without insignificant white space.
func CompactJSON(dst, raw []byte) []byte { panic("skeleton") }

// ItemID is the top-level member "id" of a checked object; absent or null: ok is false.
func ItemID(item []byte) (id ID, ok bool, err error) { panic("skeleton") }

// WithID is a copy of a checked object with the id as its first member, where
// it has none or null; else the object unchanged.
func WithID(item []byte, id ID) []byte { panic("skeleton") }
