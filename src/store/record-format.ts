import type { Ledger } from './ledger.ts'

/*
 * One number says whether a node can read what another writes: it goes up with the layout of records (`record.ts`), with that of what
 * etcd holds around them (`cluster/stored-value.ts`), and with what a program must know to keep to what else is stored.
 *
 * 1: the first. 2: laid out as 1; partitions have epochs (`epochFormat`).
 */

/** The newest format that this Tresor reads, with all before it. */
export const newestFormat = 2

/** What is written until it is known that all nodes read more. */
export const firstFormat = 1

/** Who reads this knows key rings with epoch secrets, turns, and tenants that are being moved: without that a node would go on under a KEK that is given up. */
export const epochFormat = 2

/** @throws RangeError for a format that this program does not know how to write */
export function checkWritable(format: number): void {
  if (!Number.isInteger(format) || format < firstFormat || format > newestFormat)
    throw new RangeError(`format ${format} cannot be written here`)
}

/** Of the records that are written upon a ledger now. */
export function formatOf(ledger: Ledger): number {
  return ledger.recordFormat?.() ?? newestFormat
}
