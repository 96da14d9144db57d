// What makes a document, as on the command line (mrl_search/data): nothing is turned into what it is not.

export class BadRecord extends Error {}

const DEPTH = 100, DIGITS = 4300, LONGEST_ID = 512; // as there

// The JSON value of a text. Numbers stay as they are written: JavaScript's own would make 12345678901234567890
// another one, and 1.0 an integer. A browser that cannot keep them so refuses those that it would alter.
export function parsed(text) {
  const asWritten = (_, value, { source }) => (typeof value === "number" ? JSON.rawJSON(source) : value);
  try {
    if (JSON.rawJSON) return JSON.parse(text, asWritten);
    const value = JSON.parse(text);
    for (const [, number] of text.matchAll(/"(?:[^"\\]|\\.)*"|(-?\d[\d.eE+-]*)/g)) {
      if (number && JSON.stringify(Number(number)) !== number) throw new BadRecord(`holds ${number.slice(0, 50)}, which this browser would alter; a newer one does not`);
    }
    return value;
  } catch (error) {
    if (error instanceof BadRecord) throw error;
    throw new BadRecord(error instanceof RangeError ? "is JSON nested too deeply" : "is not JSON");
  }
}

// BEIR's names: _id (or id), title, text; all else is metadata. Null counts as absent.
export function toDocument(fields) {
  if (!isObject(fields)) throw new BadRecord(`is ${told(fields)}, wanted a JSON object`);
  const key = (fields._id ?? null) === null ? "id" : "_id";
  const { _id, [key]: name, title, text, ...rest } = fields;
  const document = { id: identifier(fields[key], key), title: words(title, "title"), text: words(text, "text"), metadata: metadata(rest) };
  if (!document.title.trim() && !document.text.trim()) throw new BadRecord("has neither title nor text");
  return document;
}

const numeral = (value) => (JSON.isRawJSON?.(value) ? value.rawJSON : typeof value === "number" ? String(value) : null);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && numeral(value) === null;

function told(value) {
  if (numeral(value) !== null) return numeral(value).slice(0, 50);
  if (Array.isArray(value)) return "an array";
  return isObject(value) ? "an object" : typeof value === "string" ? "a string" : String(value);
}

function identifier(value, key) {
  if ((value ?? null) === null) throw new BadRecord("has no _id or id");
  const number = numeral(value);
  if (number === null ? typeof value !== "string" : !isInteger(number)) throw new BadRecord(`its ${key} is ${told(value)}, wanted a string or an integer`);
  const id = number === null ? value : String(BigInt(number));
  if (!id.trim()) throw new BadRecord(`its ${key} is empty`);
  if (id.length > LONGEST_ID && [...id].length > LONGEST_ID) throw new BadRecord(`its ${key} has more than ${LONGEST_ID} characters`);
  if (/\p{Cc}/u.test(id)) throw new BadRecord(`its ${key} holds a control character`);
  return whole(id, `its ${key}`);
}

function words(value, name) {
  if ((value ?? null) === null) return "";
  if (typeof value !== "string") throw new BadRecord(`its ${name} is ${told(value)}, wanted a string`);
  return whole(value, `its ${name}`);
}

// BEIR's own `metadata` object is spread among the other fields.
function metadata(fields) {
  checkFields(fields, DEPTH);
  const { metadata: inner = null, ...outer } = fields;
  if (inner === null) return outer;
  if (!isObject(inner)) return fields;
  for (const [name, value] of Object.entries(inner)) {
    if (Object.hasOwn(outer, name) && JSON.stringify(outer[name]) !== JSON.stringify(value)) throw new BadRecord(`its '${name}' has one value in the record and another in its metadata`);
  }
  return { ...outer, ...inner };
}

function checkFields(fields, depth) {
  for (const [name, value] of Object.entries(fields)) check(value, whole(name, "a field's name"), depth);
}

function check(value, name, depth) {
  if (depth === 0) throw new BadRecord(`its '${name}' is nested more than ${DEPTH} deep`);
  const number = numeral(value);
  if (number !== null) {
    if (isInteger(number) ? number.length > DIGITS : !Number.isFinite(Number(number))) throw new BadRecord(`its '${name}' is a number too large to be kept`);
  } else if (typeof value === "string") {
    if (whole(value, `its '${name}'`).includes("\0")) throw new BadRecord(`its '${name}' holds a NUL character`);
  } else if (Array.isArray(value)) {
    for (const one of value) check(one, name, depth - 1);
  } else if (isObject(value)) checkFields(value, depth - 1);
}

const isInteger = (number) => /^-?\d+$/.test(number);

// JSON can write half a surrogate pair, and UTF-8 cannot.
function whole(text, what) {
  if (!text.isWellFormed()) throw new BadRecord(`${what} holds half a surrogate pair, which is not text`);
  return text;
}
