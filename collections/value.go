package collections

// Kind is the kind of a value. Kinds sort in this order.
type Kind uint8

const (
	Missing Kind = iota
	Null
	False
	True
	Number
	String
	Array
	Object
)

// Value is what a path finds in an item. It points into the item's bytes.
type Value struct {
	Kind   Kind
	Raw    []byte  // String: between the quotes; Array, Object: the JSON text
	Number float64 // Number: as JavaScript holds it

	escaped bool // String: Raw has backslash escapes
}

// Compare is a total preorder: by kind, then numbers by value, strings by
// their UTF-8 bytes. Arrays are equal among themselves, objects too.
func (v Value) Compare(other Value) int { panic("skeleton") }

// AppendKey appends a key of which bytes.Compare gives what Compare gives.
// No key is the prefix of another value's, so keys can be joined.
func (v Value) AppendKey(dst []byte) []byte { panic("skeleton") }

// Path is a dotted path into an item. The zero Path is not valid.
type Path struct {
	text     string
	segments []string
}

// ParsePath reads a dotted path: members of objects by name, elements of arrays by index.
func ParsePath(s string) (Path, error) { panic("skeleton") }

// String is the path's text.
func (p Path) String() string { return p.text }

// Find is the value at the path in a checked JSON text; its Kind is Missing where there is none.
func (p Path) Find(item []byte) Value { panic("skeleton") }
