// Headers as objects, and ids.
import { differs, equal, ok, ours, same, same_json, throws } from "../harness.mjs";

same("headers: new ones are empty", ({ lib }) => {
  const h = lib.headers();
  same_json([h.keys(), h.has("a"), h.get("a"), h.values("a"), h.last("a")], [[], false, "", [], ""]);
  same_json([h.code, h.description, h.hasError], [0, "", false]);
});

same("headers: a status can be given", ({ lib }) => {
  const h = lib.headers(503, "nobody");
  same_json([h.code, h.description, h.status, h.hasError], [503, "nobody", "503 nobody", true]);
});

same("headers: a status below 300 is no error", ({ lib }) => {
  ok(!lib.headers(100, "idle").hasError);
  ok(lib.headers(404, "gone").hasError);
});

same("headers: set replaces, append adds", ({ lib }) => {
  const h = lib.headers();
  h.append("a", "1");
  h.append("a", "2");
  same_json(h.values("a"), ["1", "2"]);
  h.set("a", "3");
  same_json([h.values("a"), h.get("a"), h.last("a")], [["3"], "3", "3"]);
});

same("headers: get is the first value and last the last", ({ lib }) => {
  const h = lib.headers();
  h.append("a", "1");
  h.append("a", "2");
  same_json([h.get("a"), h.last("a")], ["1", "2"]);
});

same("headers: names are compared to the letter", ({ lib }) => {
  const h = lib.headers();
  h.set("Content-Type", "x");
  same_json([h.has("content-type"), h.get("CONTENT-TYPE"), h.has("Content-Type")], [false, "", true]);
});

same("headers: letters' case can be ignored", ({ lib }) => {
  const h = lib.headers();
  h.append("Aa", "1");
  h.append("aA", "2");
  equal(h.has("AA", lib.Match.IgnoreCase), true);
  same_json(h.values("aa", lib.Match.IgnoreCase), ["1", "2"]);
  h.delete("aa", lib.Match.IgnoreCase);
  same_json(h.keys(), []);
});

same("headers: append that ignores case takes the name that is there", ({ lib }) => {
  const h = lib.headers();
  h.set("Aa", "1");
  h.append("aa", "2", lib.Match.IgnoreCase);
  same_json([h.keys(), h.values("Aa")], [["Aa"], ["1", "2"]]);
});

same("headers: names can be made canonical", ({ lib }) => {
  const h = lib.headers();
  h.append("content-TYPE", "x", lib.Match.CanonicalMIME);
  same_json(h.keys(), ["Content-Type"]);
  equal(h.get("CONTENT-type", lib.Match.CanonicalMIME), "x");
});

same("headers: canonical names", ({ lib }) => {
  equal(lib.canonicalMIMEHeaderKey("nats-msg-ID"), "Nats-Msg-Id");
  equal(lib.canonicalMIMEHeaderKey("a"), "A");
});

same("headers: delete takes all values", ({ lib }) => {
  const h = lib.headers();
  h.append("a", "1");
  h.append("a", "2");
  h.delete("a");
  same_json([h.has("a"), h.keys()], [false, []]);
});

same("headers: names keep the order in which they came", ({ lib }) => {
  const h = lib.headers();
  for (const name of ["z", "a", "10", "2"]) h.append(name, name);
  same_json(h.keys(), ["z", "a", "10", "2"]);
});

same("headers: iteration gives names with all their values", ({ lib }) => {
  const h = lib.headers();
  h.append("a", "1");
  h.append("b", "2");
  h.append("a", "3");
  same_json([...h], [["a", ["1", "3"]], ["b", ["2"]]]);
});

same("headers: values are trimmed", ({ lib }) => {
  const h = lib.headers();
  h.set("a", "  x y ");
  equal(h.get("a"), "x y");
});

for (const [what, value] of [["CR", "a\rb"], ["LF", "a\nb"], ["CRLF", "a\r\nb: c"]]) {
  same(`headers: ${what} in a value is refused`, ({ lib }) => {
    throws(() => lib.headers().set("a", value), "InvalidArgumentError", "invalid_header");
    throws(() => lib.headers().append("a", value), "InvalidArgumentError", "invalid_header");
  });
}

for (const name of ["a b", "a:b", "ä", "a\r\nb"]) {
  same(`headers: ${JSON.stringify(name)} is no name`, ({ lib }) => {
    throws(() => lib.headers().append(name, "x"), "InvalidArgumentError", "invalid_header");
  });
}

same("headers: what is refused in append changes nothing", ({ lib }) => {
  const h = lib.headers();
  h.set("a", "1");
  throws(() => h.append("a", "\n"), "InvalidArgumentError");
  same_json(h.values("a"), ["1"]);
});

differs(
  "what is refused in set changes nothing, where nats.js deletes the values first",
  ({ lib }) => {
    const h = lib.headers();
    h.set("a", "1");
    throws(() => h.set("a", "\n"), "InvalidArgumentError");
    same_json(h.values("a"), []);
  },
  ({ lib }) => {
    const h = lib.headers();
    h.set("a", "1");
    throws(() => h.set("a", "\n"), "InvalidArgumentError", "invalid_header");
    same_json(h.values("a"), ["1"]);
  },
);

same("headers: as a record", ({ lib }) => {
  const h = lib.headers();
  h.append("a", "1");
  h.append("a", "2");
  same_json(h.toRecord(), { a: ["1", "2"] });
});

same("headers: as text they are what goes over the wire", ({ lib }) => {
  const h = lib.headers();
  equal(h.toString(), "");
  h.append("a", "1");
  equal(h.toString(), "NATS/1.0\r\na: 1\r\n\r\n");
});

ours("headers: a value that is no string is refused", ({ lib }) => {
  throws(() => lib.headers().set("a", 5), "InvalidArgumentError", "invalid_header");
});

same("ids: a nuid has 22 letters and digits, and no two are alike", ({ lib }) => {
  const ids = new Set(Array.from({ length: 500 }, () => lib.nuid.next()));
  equal(ids.size, 500);
  for (const id of ids) ok(/^[0-9A-Za-z]{22}$/.test(id), id);
});

same("ids: an inbox begins with _INBOX", ({ lib }) => {
  ok(/^_INBOX\.[0-9A-Za-z]{22}$/.test(lib.createInbox()));
  ok(lib.createInbox() !== lib.createInbox());
});

same("ids: an inbox can begin with something else", ({ lib }) => {
  ok(/^a\.b\.[0-9A-Za-z]{22}$/.test(lib.createInbox("a.b")));
});

for (const prefix of ["a.*", ">", "a b"]) {
  ours(`ids: an inbox can't begin with ${prefix}`, ({ lib }) => {
    throws(() => lib.createInbox(prefix), "InvalidArgumentError", "invalid_inbox_prefix");
  });
}
