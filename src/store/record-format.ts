import type { Ledger } from './ledger.ts'

/*
 * One number says whether a node can read what another writes: it goes up with the layout of records (`record.ts`) and with that of what
 * etcd holds around them (`cluster/stored-value.ts`).
 */

/** The newest format that this Tresor reads, with all before it. */
export const newestFormat = 1

/** What is written until it is known that all nodes read more. */
export const firstFormat = 1

/** @throws RangeError for a format that this program does not know how to write */
export function checkWritable(format: number): void {
  if (!Number.isInteger(format) || format < firstFormat || format > newestFormat)
    throw new RangeError(`format ${format} cannot be written here`)
}

/** Of the records that are written upon a ledger now. */
export function formatOf(ledger: Ledger): number {
  return ledger.recordFormat?.() ?? newestFormat
}
