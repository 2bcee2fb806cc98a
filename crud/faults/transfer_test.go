package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// accounts are the items among which money is moved, by patches that change two at once.
const (
	accounts  = "accounts"
	customers = 6
	deposit   = 1000
)

// mover moves money between accounts, if they are still as it has read them.
type mover struct {
	*round
	caller caller
	name   string
	rng    *rand.Rand
	made   int
}

func (m *mover) run(working, all context.Context) {
	defer m.caller.leave()
	for m.pace(working, m.rng) {
		from, to := 1+m.rng.IntN(customers), 1+m.rng.IntN(customers-1)
		if to >= from {
			to++
		}
		m.ledger.count(1)
		replies := m.caller.do(all, &request{verb: "GET", collection: accounts, id: from})
		replies = append(replies, m.caller.do(all, &request{verb: "GET", collection: accounts, id: to})...)
		if !replies[0].done() || !replies[1].done() {
			continue
		}
		var one, other content
		if json.Unmarshal(replies[0].result, &one) != nil || json.Unmarshal(replies[1].result, &other) != nil || one.Balance == nil || other.Balance == nil {
			m.ledger.wrong(fmt.Errorf("the accounts %d and %d are %s and %s", from, to, replies[0].result, replies[1].result))
			return
		}
		m.made++
		op, amount := fmt.Sprintf("%s-%d", m.name, m.made), 1+m.rng.IntN(50)
		step := func(kind string, id int, path string, value any) map[string]any {
			return map[string]any{"op": kind, "path": fmt.Sprintf("/%d/%s", id, path), "value": value}
		}
		m.ledger.perform(all, m.caller,
			[]*write{{Op: op, Verb: "PATCH", Collection: accounts, Changes: 2}},
			[]*request{{verb: "PATCH", collection: accounts, reason: op, key: op, body: []map[string]any{
				step("test", from, "balance", *one.Balance), step("test", to, "balance", *other.Balance),
				step("replace", from, "balance", *one.Balance-amount), step("replace", to, "balance", *other.Balance+amount),
				step("add", from, "op", op), step("add", to, "op", op),
			}}})
	}
}

// checkBalances holds that no money was made or lost.
func checkBalances(items map[string]json.RawMessage) error {
	sum := 0
	for id, item := range items {
		var c content
		if err := json.Unmarshal(item, &c); err != nil || c.Balance == nil {
			return fmt.Errorf("the account %s is %s (%w)", id, item, err)
		}
		sum += *c.Balance
	}
	if len(items) != customers || sum != customers*deposit {
		return fmt.Errorf("%d accounts have %d together, and %d had %d: a patch over two items took effect in part", len(items), sum, customers, customers*deposit)
	}
	return nil
}
