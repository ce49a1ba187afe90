import type { Word } from "../format/words.js";

export function Badge({ word }: { word: Word }) {
  return <span className={`badge tone-${word.tone}`}>{word.label}</span>;
}
