package bolt

import "ackbase/collections"

// Collections implements collections.Census: the file keeps count of each collection's items.
func (r *reader) Collections(after string, max int) ([]collections.Size, error) {
	var list []collections.Size
	c := r.tx.Bucket(bucketCollections).Cursor()
	for name, value := c.Seek([]byte(after)); name != nil && len(list) < max; name, value = c.Next() {
		if string(name) == after {
			continue
		}
		count, err := decodeCounters(value)
		if err != nil {
			return nil, err
		}
		list = append(list, collections.Size{Collection: string(name), Items: int(count.items)})
	}
	return list, nil
}
