import { openDatabase } from '../../src/store/database.ts'

/** All that a replica's file holds, values, index and counters: key and value in hexadecimal. Nobody may have it open in this process. */
export async function dumpReplica(directory: string): Promise<ReadonlyMap<string, string>> {
  const database = openDatabase(directory, 'reader')
  const all = new Map<string, string>()
  for (const { key, value } of database.getRange({})) all.set(Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex'))
  await database.close()
  return all
}

/** The keys that differ between two dumps. */
export function differingKeys(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((key) => one.get(key) !== other.get(key))
}
