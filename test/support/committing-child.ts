import { randomBytes } from 'node:crypto'
import { openEmbeddedLedger, type Space } from '../../src/store/index.ts'

/**
 * Commits as fast as it can until it is killed. Each change set makes two objects and moves its requester's chain on by one;
 * what was acknowledged is told to the parent, as `<requester> <number>`.
 */
const [directory, round] = process.argv.slice(2) as [string, string]
const { ledger, replica } = openEmbeddedLedger({ directory })
const space = 't/killed' as Space
const place = (id: string) => ({ space, kind: 'object', id }) as const
const terms = [{ attribute: 'round', value: Buffer.from(round) }]

async function commitOn(requester: number): Promise<void> {
  const chain = place(`chain-${requester}`)
  for (let number = 0; ; number++) {
    const stored = replica.read(chain)
    const links = stored === undefined ? 0 : Buffer.from(stored.value).readUInt32BE()
    const link = Buffer.alloc(4)
    link.writeUInt32BE(links + 1)
    const name = `${round}-${requester}-${number}`
    const value = Buffer.concat([Buffer.from(name), randomBytes(600)])
    const outcome = await ledger.commit({
      nonce: randomBytes(16),
      guards: [
        { place: chain, revision: stored?.revision ?? 0 },
        { place: place(`${name}-one`), revision: 0 },
      ],
      writes: [
        { place: place(`${name}-one`), value, terms, order: number },
        { place: place(`${name}-two`), value, terms, order: number },
        { place: chain, value: link, terms: [] },
      ],
    })
    if (outcome.outcome !== 'committed') throw new Error(`a commit ended as ${outcome.outcome}`)
    process.send?.([requester, number, links + 1])
  }
}

for (let requester = 0; requester < 16; requester++) void commitOn(requester)
