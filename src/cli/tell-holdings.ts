import type { RunningNode } from '../main.ts'
import type { Partition } from '../partitions/index.ts'
import type { Holding, HoldingsBoard, PartitionDefinition } from '../tenants/index.ts'

/** Lets the other nodes of a cluster know which partitions this one can use, and how; looked at anew now and then. @returns what ends it */
export function tellHoldings(
  { registry, root, cluster, log }: RunningNode,
  board: HoldingsBoard,
  open: (name: string) => Promise<Partition>,
): () => void {
  if (cluster === undefined) return () => {}
  const { name: node } = cluster
  let underWay = Promise.resolve()
  const tell = async () => {
    const definitions = [...registry.settings.view().partitions.values()].map(({ value }) => value)
    const known = await Promise.all(definitions.map(async (one) => [one.name, await holdingOf(one, open, root.description)] as const))
    await board.write(node, Object.fromEntries(known))
  }
  let seen = -1
  let rounds = 0
  const look = () => {
    const { generation } = registry.settings.view()
    if (generation === seen && rounds++ % roundsBetween !== 0) return
    underWay = underWay.then(tell).then(
      () => {
        seen = generation
      },
      (error: unknown) => log.verbose('which partitions this node has could not be told', { error }),
    )
  }
  const timer = setInterval(look, lookEvery)
  timer.unref()
  // Not waited for: without a majority nothing is told, and a node must be able to end.
  return () => clearInterval(timer)
}

async function holdingOf({ kind, name }: PartitionDefinition, open: (name: string) => Promise<Partition>, root: string): Promise<Holding> {
  try {
    const { details } = await (await open(name)).describe()
    const { token, serial, epochs } = details
    const held = { ...(token !== undefined && { token }), ...(serial !== undefined && { serial }), ...(epochs !== undefined && { epochs }) }
    return kind === 'software' ? { root } : held
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

/** Milliseconds. */
const lookEvery = 1000
/** A partition that has failed since is noticed after so many looks. */
const roundsBetween = 30
