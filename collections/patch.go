package collections

import "encoding/json"

// MergePatch applies an RFC 7396 merge patch. Both must have been checked.
func MergePatch(doc, patch []byte) ([]byte, error) { panic("skeleton") }

// ApplyPatch applies an RFC 6902 patch.
func ApplyPatch(doc, patch []byte) ([]byte, error) { panic("skeleton") }

// Diff is an RFC 6902 patch from before to after, two objects; nil before is {}.
func Diff(before, after []byte) (json.RawMessage, error) { panic("skeleton") }

// Patch is the RFC 6902 patch of the change: from {} for Added, nil for Deleted.
func (c *Change) Patch() (json.RawMessage, error) { panic("skeleton") }
