/** The faults that `plants.ts` can plant into a node's processes. */
export const plantNames = ['barrier skipped', 'view not renewed', 'guards left out', 'unknown outcome run again'] as const

export type PlantName = (typeof plantNames)[number]
