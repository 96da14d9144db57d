// Files as streams of records: a file of any size takes no more memory than its longest line.

import { BadRecord, parsed, toDocument } from "/assets/documents.js";
import { bytes, count } from "/assets/dom.js";

const LONGEST = 16 * 2 ** 20; // bytes of a line, as on the command line
const AT_ONCE = 64 * 2 ** 20; // bytes of a JSON array, which can only be read whole
const LINE_END = 10, BUSY_MS = 50;
const FIRST = new TextDecoder("utf-8", { fatal: true }), LATER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// { where, end, document }, or a fault in place of the document, of each line that is not blank, until signal ends it.
// end: bytes up to there.
export async function* records(file, signal) {
  if (/\.json$/i.test(file.name) && (await file.slice(0, 4096).text()).trimStart().startsWith("[")) return yield* items(file);
  const isText = /\.txt$/i.test(file.name);
  for await (const { number, end, line } of lines(file, signal)) {
    const { made: text, fault } = judged(() => decoded(line, number === 1 ? FIRST : LATER));
    if (!fault && !text.trim()) continue;
    const { made: document, fault: why } = fault ? { fault } : judged(() => toDocument(isText ? { id: `${file.name}:${number}`, text: text.trim() } : parsed(text)));
    yield { where: `line ${count(number)}`, end, document, fault: why };
  }
}

async function* items(file) {
  const content = file.size > AT_ONCE ? null : new Uint8Array(await file.arrayBuffer());
  const { made: all, fault } = judged(() => {
    if (!content) throw new BadRecord(`is a JSON array of more than ${bytes(AT_ONCE)}; write one object on each line, in a file called .jsonl`);
    return parsed(decoded(content, FIRST));
  });
  if (fault) yield { where: file.name, end: file.size, fault };
  for (const [place, fields] of (all ?? []).entries()) {
    const { made: document, fault: why } = judged(() => toDocument(fields));
    yield { where: `item ${count(place + 1)}`, end: (file.size * (place + 1)) / all.length, document, fault: why };
  }
}

function judged(make) {
  try {
    return { made: make() };
  } catch (error) {
    if (error instanceof BadRecord) return { fault: error.message };
    throw error;
  }
}

function decoded(line, decoder) {
  if (line === null) throw new BadRecord(`is longer than ${bytes(LONGEST)}`);
  try {
    return decoder.decode(line);
  } catch {
    throw new BadRecord("is not UTF-8");
  }
}

// { number, end, line }: bytes without the line's end, or null for more than LONGEST of them.
async function* lines(file, signal) {
  const reader = file.stream().getReader();
  let number = 0, read = 0, parts = [], held = 0, rested = performance.now();
  const hold = (part) => {
    held += part.length;
    if (held > LONGEST) parts = [];
    else parts.push(part);
  };
  const taken = () => {
    const line = held > LONGEST ? null : joined(parts, held);
    parts = [];
    held = 0;
    return line;
  };
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      let from = 0;
      for (let to = piece.value.indexOf(LINE_END); to >= 0; to = piece.value.indexOf(LINE_END, from)) {
        hold(piece.value.subarray(from, to));
        from = to + 1;
        yield { number: ++number, end: read + from, line: taken() };
        if (performance.now() - rested < BUSY_MS) continue;
        await new Promise((done) => setTimeout(done)); // or nobody could press Stop while lines make no documents
        rested = performance.now();
        signal.throwIfAborted();
      }
      hold(piece.value.subarray(from));
      read += piece.value.length;
    }
    if (held) yield { number: ++number, end: read, line: taken() };
    if (read !== file.size) throw new Error(`there were ${bytes(read)} of ${bytes(file.size)}`);
  } finally {
    await reader.cancel(); // of whoever was stopped
  }
}

function joined(parts, length) {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
