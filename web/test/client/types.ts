// What the types of the client promise. Checked by `npm --prefix web run types`; it is never run.
import type { Socket } from "socket.io-client";
import { AckbaseError, createHelpers, request, type Helpers, type JSONPatch, type Query } from "../../client/ackbase.js";

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
