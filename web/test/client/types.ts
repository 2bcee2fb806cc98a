// What the types of the client promise. Checked by `npm --prefix web run types`; it is never run.
import type { Socket } from "socket.io-client";
import {
  AckbaseError, createClient, createHelpers, metaOf, request,
  type Change, type Client, type Collection, type Helpers, type JSONPatch, type Live, type Meta, type Past, type Query, type Snapshot, type Status,
} from "ackbase";

import type { LiveQuery, Writes } from "ackbase";
import { liveOf } from "ackbase/svelte";
import { useLive } from "ackbase/react";
import { useLive as useLiveInVue } from "ackbase/vue";
import type { ComputedRef } from "vue";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is = <_T extends true>() => {};

interface Product {
  id: number;
  name: string;
  rrp?: number;
}

declare const socket: Socket;

export async function promises() {
  const helpers: Helpers = createHelpers(socket);
  const { getItem, getItems, postItem, putItem, patchItem, deleteItem } = helpers;

  // The six signatures that clients were written against.
  const one = await getItem<Product>(1, "items");
  is<Equal<typeof one, Product | undefined>>();
  await getItem<Product>("A1", "items", 250);
  const page = await getItems<Product>({ page: 1, sort: "name", filters: { category: "electronics" } as Record<string, string> }, "items");
  is<Equal<typeof page, Product[]>>();
  const posted = await postItem({ name: "Lamp" }, "items");
  posted.id;
  is<Equal<typeof posted.name, string>>();
  const put = await putItem<Product>({ id: 1, name: "Lamp" }, "items");
  is<Equal<typeof put, Product>>();
  const merged = await patchItem<Product>({ id: 1, rrp: null }, "items");
  is<Equal<typeof merged, Product>>();
  const operations: JSONPatch[] = [{ op: "replace", path: "/1/name", value: "Lamp" }, { op: "remove", path: "/2" }];
  const touched = await patchItem<Product>(operations, "items");
  is<Equal<typeof touched, Product[]>>();
  const gone = await deleteItem(1, "items");
  is<Equal<typeof gone, boolean>>();

  await postItem({ name: "Lamp" }, "items", { timeout: 250, reason: "restocked", key: "a key" });
  await putItem({ id: "A1" }, "items", { ifMatch: null });

  // @ts-expect-error a PUT says which item
  await putItem({ name: "Lamp" }, "items");
  // @ts-expect-error a merge patch says which item
  await patchItem<Product>({ name: "Lamp" }, "items");
  // @ts-expect-error the collection comes second
  await getItem("items", 1);
  // @ts-expect-error no such operation
  await patchItem([{ op: "rename", path: "/1" }], "items");
  // @ts-expect-error an option that does not exist
  await getItems({ size: 10 }, "items");
  // @ts-expect-error a socket is needed
  createHelpers({});

  const query: Query = {
    filters: { rrp: { $gte: 10, $lt: 20 }, $or: [{ name: { $contains: "tea" } }, { "maker.country": "FR" }], $not: { stock: 0 } },
    sort: "-rrp,name",
    fields: ["name"],
    limit: 10,
    total: false,
  };
  const { result, meta } = await request<Product[]>(socket, "GET", ["items", query]);
  is<Equal<typeof result, Product[]>>();
  is<Equal<typeof meta.total, number | undefined>>();

  const error = new AckbaseError({ code: "CONFLICT", status: 409, message: "there is one" });
  is<Equal<typeof error.code, string>>();
  is<Equal<typeof error.status, number>>();
}

interface Order {
  id: string;
  customer: { name: string; phone?: string };
  lines: { product: number; pieces: number }[];
  note?: string;
}

export async function collections(signal: AbortSignal) {
  const client: Client = createClient(socket, { storage: { getItem: () => null, setItem() {}, removeItem() {} }, queue: 20, onRefused: (error, write) => [error.code, write.body] });
  const orders = client.collection<Order>("orders");
  is<Equal<typeof orders, Collection<Order>>>();

  const one = await orders.get("A1", { timeout: 250, signal });
  is<Equal<typeof one, Order | undefined>>();
  const page = await orders.list({ sort: "-id", limit: 10 }, { signal });
  is<Equal<typeof page, Order[]>>();
  const meta = metaOf(page);
  is<Equal<typeof meta, Meta>>();
  const created = await orders.create({ customer: { name: "Ada" }, lines: [] }, { reason: "by phone" });
  is<Equal<typeof created, Order>>();
  await orders.create({ id: "A1", customer: { name: "Ada" }, lines: [] });
  const replaced = await orders.replace(created, { ifMatch: meta.rev, key: "a key" });
  is<Equal<typeof replaced, Order>>();
  const merged = await orders.update({ id: "A1", note: null, customer: { phone: null } });
  is<Equal<typeof merged, Order>>();
  const under = await orders.update("A1", { customer: { phone: "1" }, lines: [{ product: 1, pieces: 2 }] });
  is<Equal<typeof under, Order>>();
  const patched = await orders.update("A1", [{ op: "add", path: "/lines/-", value: { product: 1, pieces: 1 } }]);
  is<Equal<typeof patched, Order>>();
  const touched = await orders.update([{ op: "remove", path: "/A1/note" }], { signal });
  is<Equal<typeof touched, Order[]>>();
  const removed = await orders.remove("A1");
  is<Equal<typeof removed, boolean>>();
  const past = await orders.history("A1");
  is<Equal<typeof past, Past<Order>[]>>();

  const leave = orders.watch({ filters: { "customer.name": "Ada" } }, {
    onAdded: (change) => is<Equal<typeof change, Change<Order>>>(),
    onReset: (items) => is<Equal<typeof items, Order[] | undefined>>(),
    onError: (error) => is<Equal<typeof error, AckbaseError>>(),
  });
  is<Equal<typeof leave, () => void>>();
  orders.watch("A1", {});
  orders.watch(null, { onDeleted: ({ item }) => item.customer.name });

  const live: Live<Order> = orders.live({ filters: { note: { $exists: true } } });
  const snapshot = live.getSnapshot();
  is<Equal<typeof snapshot, Snapshot<Order>>>();
  is<Equal<typeof live.status, Status>>();
  live.subscribe(({ items, total }) => [items[0]?.lines, total])();
  const optimistic = await live.create({ customer: { name: "Ada" }, lines: [] });
  is<Equal<typeof optimistic, Order>>();

  // Without a type of its own an item is any object.
  const free = client.collection("free");
  (await free.create({ name: "Lamp" })).id;
  (await free.list())[0]?.name;

  // @ts-expect-error a field of another type
  await orders.create({ customer: "Ada", lines: [] });
  // @ts-expect-error a field that there must be
  await orders.create({ customer: { name: "Ada" } });
  // @ts-expect-error a PUT says which item
  await orders.replace({ customer: { name: "Ada" }, lines: [] });
  // @ts-expect-error a merge patch without its id
  await orders.update({ note: "x" });
  // @ts-expect-error a field that there is not
  await orders.update("A1", { colour: "red" });
  // @ts-expect-error an option that does not exist
  await orders.list({ size: 1 });
  // @ts-expect-error no such operator's form
  await orders.list({ filters: { id: { gt: [1] } }, sort: 1 });
  // @ts-expect-error a snapshot is not to be changed
  snapshot.items.push(created);
  // @ts-expect-error a whole socket is needed
  createClient({ timeout: () => ({ emit: () => true }) });
}

export function adapters(orders: Collection<Order>, query: { subscribe(listener: (query: LiveQuery) => void): () => void }) {
  const inReact = useLive(orders, { sort: "id" });
  is<Equal<typeof inReact.items, readonly Order[]>>();
  is<Equal<typeof inReact.update, Writes<Order>["update"]>>();
  const inSvelte = liveOf(orders, query);
  inSvelte.subscribe(({ items }) => is<Equal<typeof items, readonly Order[]>>());
  const inVue = useLiveInVue(orders, () => ({ sort: "id" }));
  is<Equal<typeof inVue.items, ComputedRef<readonly Order[]>>>();
  // @ts-expect-error a live query has its items whole
  useLive(orders, { fields: ["id"] });
}
