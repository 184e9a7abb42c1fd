import { createPkcs11Partition, openPkcs11Partition } from '../../src/partitions/index.ts'
import { pkcs11Shim } from '../support/pkcs11-shim.ts'
import { softHsm } from '../support/softhsm.ts'

/*
 * How a device that takes a millisecond for each call scales with the sessions that it is given: MACs, two calls each, and how late a timer of
 * the loop comes meanwhile.
 *   node build/test/bench/hsm-sessions.js
 */

const hsm = softHsm()
const { token, pinFile } = hsm.token('bench')
const shim = pkcs11Shim(hsm.folder, hsm.module)
const options = { name: 'bench', module: shim.module, token, pinFile }
await createPkcs11Partition(options)
shim.delay(1000)
const milliseconds = 3000
const record = Buffer.alloc(64)
let single = 0
for (const sessions of [1, 2, 4, 8]) {
  const partition = await openPkcs11Partition({ ...options, sessions })
  let done = 0
  const ask = async (until: number) => {
    while (performance.now() < until) {
      await partition.sealRecord(record)
      done++
    }
  }
  const load = (time: number) => Promise.all(Array.from({ length: sessions * 2 }, () => ask(performance.now() + time)))
  await load(500)
  done = 0
  let latest = 0
  let expected = performance.now() + 5
  const timer = setInterval(() => {
    latest = Math.max(latest, performance.now() - expected)
    expected = performance.now() + 5
  }, 5)
  const start = performance.now()
  await load(milliseconds)
  clearInterval(timer)
  const rate = (done / (performance.now() - start)) * 1000
  if (sessions === 1) single = rate
  console.log(
    `${sessions} sessions: ${rate.toFixed(0)} MACs/s, ${(rate / single).toFixed(2)} times one; the loop at most ${latest.toFixed(1)} ms late`,
  )
  await partition.close()
}
shim.delay(0)
shim.close()
hsm.remove()
