import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { faults } from './faults.ts'
import type { ChaosReport } from './main.ts'
import { harmlessNames, plantNames } from './plant-names.ts'
import { violationText } from './violation-files.ts'

/** Runs the program that `npm run chaos` runs. */
async function chaos(...args: readonly string[]): Promise<{ report: ChaosReport; words: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tresor-chaos-report-'))
  const file = join(folder, 'report.json')
  try {
    const words = await new Promise<string>((resolve) =>
      execFile(process.execPath, [fileURLToPath(new URL('./main.js', import.meta.url)), '--report', file, ...args], (_, out, errors) =>
        resolve(out + errors),
      ),
    )
    if (!existsSync(file)) throw new Error(`the run ended without a report:\n${words}`)
    return { report: JSON.parse(readFileSync(file, 'utf8')) as ChaosReport, words }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const violationsIn = ({ violations }: ChaosReport) => violations.map(violationText)

test.serial(
  'every kind of fault under load: every answer has its place in one order, all nodes serve again; planted faults are found out',
  async (t) => {
    t.timeout(660_000)
    const { report, words } = await chaos('--quick', '--plants')
    t.log(words)
    t.deepEqual(violationsIn(report), [])
    t.deepEqual(report.problems, [])
    t.deepEqual(
      report.plants.map(({ plant, what }) => [plant, what !== undefined]),
      [...plantNames.map((plant) => [plant, true]), ...harmlessNames.map((plant) => [plant, false])],
    )
    const tried = new Set([...report.faults.map(({ kind }) => kind), ...report.lacking.map((line) => line.split(': ')[0])])
    t.deepEqual(
      faults.map(({ kind }) => kind).filter((kind) => !tried.has(kind)),
      [],
    )
    t.true(report.faults.length >= faults.length / 2, `too few faults in the time there was: ${report.faults.length}`)
    // Without load, and without faults that are felt, nothing would be shown.
    const sum = (what: 'granted' | 'refused' | 'nothing') => report.operations.reduce((all, row) => all + row[what], 0)
    t.true(sum('granted') > 300 && sum('refused') > 50 && sum('nothing') > 20, JSON.stringify(report.operations))
  },
)

test.serial('the same on loopback, with relays in place of a network', async (t) => {
  t.timeout(300_000)
  const { report, words } = await chaos('--quick', '--network', 'proxies', '--kinds', 'leader isolated,late lines')
  t.log(words)
  t.is(report.network, 'proxies')
  t.deepEqual(violationsIn(report), [])
  t.deepEqual(report.problems, [])
  t.is(report.faults.length + report.lacking.length, 2)
})
