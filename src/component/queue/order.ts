/** Which conversation is served next. Inside a conversation order is fixed by the index (scheduledFor, arrival). */

/**
 * One point of priority is worth this much waiting time. 100 points are 10 minutes: a message of priority 0
 * that waited 10 minutes longer goes before a message of priority 100, so nothing starves.
 */
export const AGING_MS_PER_PRIORITY_POINT = 6_000;

/** Candidates a free worker reads by rank, and again from a random place when there are more. */
export const CANDIDATES_BY_RANK = 8;
export const CANDIDATES_BY_SLOT = 8;
/** Candidates that close in rank are equals: any of them may be taken first. */
const PEER_WINDOW_MS = AGING_MS_PER_PRIORITY_POINT;
/** With a long backlog, this share of the claims serves the head of the order; the others spread out. */
const HEAD_SHARE = 1 / 8;

/** Sort key among ready conversations, ascending. Fixed while a message waits: ageing needs no writes. */
export function rankAt(readyAt: number, priority: number): number {
  return readyAt - priority * AGING_MS_PER_PRIORITY_POINT;
}

/** Inside a conversation: by (scheduledFor, arrival), as the index has it. */
export function inOrder(
  a: { scheduledFor: number; _creationTime: number },
  b: { scheduledFor: number; _creationTime: number },
): number {
  return a.scheduledFor - b.scheduledFor || a._creationTime - b._creationTime;
}

/** A conversation's fixed place in [0, 1): 32-bit FNV-1a of its id, mixed so that similar ids lie apart. */
export function slotOf(conversationId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < conversationId.length; i++) {
    hash ^= conversationId.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  // FNV leaves the high bits, which decide, nearly alone when only the last characters differ.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}

export type Candidate = { conversationId: string; rankAt: number; priority: number };

/**
 * The order in which a free worker should try the candidates.
 *
 * - Few candidates (`byRank` not full): strictly by rank, equals shuffled.
 * - Many: rows of `byRank` whose priority is above everything in the sample first, then (for a fixed share of
 *   the claims) the head of the order, else the random sample, so that many workers at once rarely meet.
 */
export function orderCandidates(
  byRank: readonly Candidate[],
  sample: readonly Candidate[],
  random: () => number,
): string[] {
  if (byRank.length < CANDIDATES_BY_RANK) return unique(shufflePeers(byRank, random));
  const sampleTop = Math.max(...sample.map((c) => c.priority), Number.NEGATIVE_INFINITY);
  const urgent = byRank.filter((c) => sample.length > 0 && c.priority > sampleTop);
  const headFirst = random() < HEAD_SHARE;
  const head = shuffle(byRank, random);
  const spread = shuffle(sample, random);
  return unique([
    ...shuffle(urgent, random),
    ...(headFirst ? [...head, ...spread] : [...spread, ...head]),
  ]);
}

function shufflePeers(candidates: readonly Candidate[], random: () => number): Candidate[] {
  const rest = [...candidates].sort((a, b) => a.rankAt - b.rankAt);
  const ordered: Candidate[] = [];
  while (rest.length > 0) {
    const best = rest[0]?.rankAt ?? 0;
    const peers = rest.filter((c) => c.rankAt < best + PEER_WINDOW_MS);
    ordered.push(...shuffle(peers, random));
    rest.splice(0, peers.length);
  }
  return ordered;
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

function unique(candidates: readonly Candidate[]): string[] {
  return [...new Set(candidates.map((c) => c.conversationId))];
}
