package catalogue

import (
	"encoding/json"
	"iter"
	"math/rand/v2"
	"strconv"
)

// A department is what the generator makes products of one category from.
type department struct {
	category  string
	makers    []string
	qualities []string
	things    []thing
	details   []string
	tags      []string
}

// A thing is a kind of product with the range of its price, in cents.
type thing struct {
	name        string
	least, most int
}

var departments = [...]department{
	{
		category:  "electronics",
		makers:    []string{"Halden", "Norrvik", "Belora", "Lumetric", "Voltano", "Stillwater", "Kestrel", "Orrin", "Tamsin", "Aurelio", "Quillon", "Westerby", "Ostrava Works", "Pell & Finch"},
		qualities: []string{"Compact", "Travel", "Studio", "Silent", "Outdoor", "Slim", "Rugged", "Classic", "Wireless", "Solar", "Folding", "Mini", "Pro", "Everyday"},
		things: []thing{
			{"Headphones", 2490, 34900}, {"Earbuds", 1990, 24900}, {"Keyboard", 1990, 17900}, {"Mouse", 990, 9900},
			{"Monitor", 12900, 89900}, {"Desk Lamp", 1990, 12900}, {"Power Bank", 1490, 9900}, {"Charger", 990, 7900},
			{"Speaker", 2490, 39900}, {"Webcam", 2990, 19900}, {"Router", 4990, 32900}, {"E-Reader", 9900, 37900},
			{"Camera", 8900, 119900}, {"Radio", 2490, 19900}, {"Portable SSD", 5990, 39900}, {"Smart Plug", 990, 3490},
			{"Weather Station", 2990, 19900}, {"Record Player", 9900, 79900}, {"Microphone", 3990, 29900}, {"Dock", 4990, 27900},
		},
		details: []string{"USB-C", "two-year battery", "IP67", "Bluetooth 5.4", "Matter over Thread", "recycled aluminium", "quick charging", "five years of updates", "works offline", "replaceable battery", "matte black", "braided cable", "no fan", "spare parts for ten years"},
		tags:    []string{"usb-c", "wireless", "gift", "office", "travel", "home", "audio", "outdoor", "repairable"},
	},
	{
		category:  "confectionery",
		makers:    []string{"Marlowe", "Pepperdine", "Hedda", "Bramblewick", "Castellan", "Fenwick", "Sable & Rye", "Lumberjack", "Kikori", "Amberline", "Sugarloaf", "Poppin", "Little Harbour", "Tobler Lane"},
		qualities: []string{"Dark", "Milk", "Salted", "Sour", "Honey", "Almond", "Hazelnut", "Raspberry", "Orange", "Ginger", "Mint", "Maple", "Cherry", "Vanilla"},
		things: []thing{
			{"Chocolate", 199, 690}, {"Fudge", 249, 590}, {"Caramels", 249, 690}, {"Toffee", 199, 490},
			{"Drops", 149, 390}, {"Pastilles", 199, 490}, {"Wafers", 179, 390}, {"Biscuits", 199, 490},
			{"Nougat", 349, 790}, {"Truffles", 590, 1890}, {"Liquorice", 149, 390}, {"Fruit Gums", 129, 290},
			{"Marshmallows", 149, 290}, {"Popcorn", 149, 390}, {"Lollipops", 99, 290}, {"Gingerbread", 249, 890},
			{"Marzipan", 349, 990}, {"Pralines", 690, 2490}, {"Mochi", 390, 690}, {"Brittle", 249, 590},
		},
		details: []string{"100 g", "150 g", "200 g tin", "250 g", "vegan", "no palm oil", "gluten-free", "wrapped by the piece", "made in copper pans", "fair trade cocoa", "natural colours", "resealable bag", "for sharing", "limited season"},
		tags:    []string{"vegan", "gift", "seasonal", "sharing", "fair-trade", "sugar-free", "classic", "new", "gluten-free"},
	},
}

// Generate makes n products, the same ones for the same n and a longer list
// beginning with the shorter. They have the fields of Products and further
// ones: stock (a number), rating (1.0 to 5.0; absent where nobody has rated),
// discontinued (only where true) and tags (up to three texts). One in three
// is confectionery.
func Generate(n int) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		r := rand.New(rand.NewPCG(27, 3))
		for i := range n {
			if !yield(generate(r, i+1)) {
				return
			}
		}
	}
}

// generate writes the JSON itself: the words above need no escaping but for
// the ampersand, which is fine as it is.
func generate(r *rand.Rand, number int) json.RawMessage {
	d := &departments[0]
	if r.IntN(3) == 0 {
		d = &departments[1]
	}
	t := d.things[r.IntN(len(d.things))]
	cents := t.least + r.IntN(t.most-t.least)
	cents -= cents%10 - 9 // prices end in 9
	first := r.IntN(len(d.details))
	second := (first + 1 + r.IntN(len(d.details)-1)) % len(d.details)

	b := make([]byte, 0, 256)
	b = append(b, `{"name":"`...)
	b = append(b, pick(r, d.makers)...)
	b = append(b, ' ')
	b = append(b, pick(r, d.qualities)...)
	b = append(b, ' ')
	b = append(b, t.name...)
	b = append(b, " No. "...)
	b = strconv.AppendInt(b, int64(number), 10)
	b = append(b, `","category":"`...)
	b = append(b, d.category...)
	b = append(b, `","rrp":`...)
	b = strconv.AppendFloat(b, float64(cents)/100, 'f', -1, 64)
	b = append(b, `,"info":"`...)
	b = append(b, d.details[first]...)
	b = append(b, ", "...)
	b = append(b, d.details[second]...)
	b = append(b, `","stock":`...)
	b = strconv.AppendInt(b, int64(r.IntN(500)), 10)
	if r.IntN(5) > 0 {
		b = append(b, `,"rating":`...)
		b = strconv.AppendFloat(b, float64(10+r.IntN(41))/10, 'f', -1, 64)
	}
	if r.IntN(40) == 0 {
		b = append(b, `,"discontinued":true`...)
	}
	b = append(b, `,"tags":[`...)
	start := r.IntN(len(d.tags))
	for i := range r.IntN(4) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, d.tags[(start+i)%len(d.tags)])
	}
	return append(b, `]}`...)
}

func pick(r *rand.Rand, words []string) string { return words[r.IntN(len(words))] }
