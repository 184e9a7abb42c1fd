import type { Output } from './output.ts'

/** Objects that keep a turn or a move from its end, as the node tells of them. */
export interface StuckObjects {
  readonly count: number
  readonly first: readonly { readonly tenant: string; readonly id: string; readonly problem: string; readonly isDamaged: boolean }[]
}

/** Names each object once, however often it is told of. */
export class StuckTelling {
  readonly #output: Output
  readonly #told = new Set<string>()

  constructor(output: Output) {
    this.#output = output
  }

  tell({ first }: StuckObjects): void {
    for (const object of first) {
      const { tenant, id, problem, isDamaged } = object
      if (this.#told.has(`${tenant}/${id}`)) continue
      this.#told.add(`${tenant}/${id}`)
      this.#output.step(isDamaged ? 'damaged' : 'not kept', `${id} of tenant ${tenant}: ${problem}`, object)
    }
  }
}
