import { readFile } from 'node:fs/promises'
import test from 'ava'
import { describeKmip } from '../src/kmip-docs.ts'

test('docs/kmip.md is what the tables say', async (t) => {
  t.is(await readFile('docs/kmip.md', 'utf8'), describeKmip(), 'run: npm run build, then node bin/docs.js')
})
