import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { type ClockView, ClockWatch } from '../../src/cluster/clock-watch.ts'
import { Keys } from '../../src/cluster/keys.ts'
import { type EtcdCluster, startEtcdCluster } from '../support/etcd-cluster.ts'

let etcd: EtcdCluster
test.before(async () => {
  etcd = await startEtcdCluster(1)
})
test.after.always(() => etcd.close())

/** Nodes whose clocks are off by so many milliseconds. */
async function watchClocks<T>(prefix: string, skews: number[], use: (watches: readonly ClockWatch[]) => Promise<T>): Promise<T> {
  const client = etcd.client()
  const watches = skews.map(
    (_, index) =>
      new ClockWatch({
        client,
        keys: new Keys(prefix),
        node: `n${index + 1}`,
        log: () => {},
        now: () => Date.now() + skews[index]!,
        interval: 200,
      }),
  )
  try {
    return await use(watches)
  } finally {
    await Promise.all(watches.map((watch) => watch.close()))
  }
}

/** Waits until one clock's view is as wanted, and shows it; a view that never comes fails with the last one. */
async function until(t: ExecutionContext, watch: ClockWatch, wanted: (view: ClockView) => boolean): Promise<ClockView> {
  let view = watch.view()
  for (let n = 0; n < 3000 && !wanted(view); n++) {
    await sleep(20)
    view = watch.view()
  }
  t.true(wanted(view), JSON.stringify(view))
  return view
}

const isNear = (milliseconds: number) => (view: ClockView) => Math.abs(view.deviation - milliseconds) < 150

test('of three clocks the one that is off says so, by how much and which way; set again, it is quiet', async (t) => {
  const skews = [0, 20, 5000]
  await watchClocks('three/', skews, async ([first, second, third]) => {
    const view = await until(t, third!, isNear(4980))
    t.regex(view.problem!, /^this node's clock is 4\d\d\d ms ahead of the others' \(n1 -\d+ ms, n2 -\d+ ms\): set it; activation/)
    for (const watch of [first!, second!]) t.like(await until(t, watch, isNear(0)), { problem: undefined, notice: undefined })
    skews[2] = -800
    t.regex((await until(t, third!, isNear(-800))).problem!, /ms behind the others'/)
    skews[2] = 10
    t.is((await until(t, third!, isNear(0))).problem, undefined)
  })
})

test('of two clocks that differ neither is called wrong, and both say so', async (t) => {
  await watchClocks('two/', [0, 900], async (watches) => {
    for (const watch of watches) {
      const view = await until(t, watch, ({ notice }) => notice !== undefined)
      t.is(view.problem, undefined)
      t.regex(view.notice!, /^the nodes' clocks differ \(n\d [+-]\d+ ms\), and no majority tells which is off/)
    }
  })
})

test('clocks within the tolerance are said nothing of', async (t) => {
  await watchClocks('near/', [0, 300, -150], async ([, second]) => {
    t.like(await until(t, second!, isNear(300)), { problem: undefined, notice: undefined })
  })
})
