/** The faults that `plants.ts` can plant into a node's processes. */
export const plantNames = [
  'barrier skipped',
  'view not renewed',
  'guards left out',
  'unknown outcome run again',
  'age beyond freshness',
] as const

/** What is planted and harms nobody: the checker must find nothing in it. */
export const harmlessNames = ['late replica', 'nothing'] as const

export type PlantName = (typeof plantNames)[number] | (typeof harmlessNames)[number]
