// What stands behind # in the address: the index and the query, so that a reload or a link shows the same.

const [, index = "", query = ""] = /^#(?:index=([^&]*)&?)?(?:q=(.*))?$/s.exec(location.hash) ?? [];
const kept = { index: readable(index), query: readable(query) };

export const address = () => ({ ...kept });

export function note(part) {
  Object.assign(kept, part);
  const told = [kept.index && `index=${encodeURIComponent(kept.index)}`, kept.query && `q=${encodeURIComponent(kept.query)}`].filter(Boolean);
  history.replaceState(null, "", told.length ? `#${told.join("&")}` : location.pathname);
}

function readable(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // "100%", typed by hand
  }
}
