import test from 'ava'
import { Notes } from '../../src/tenants/notes.ts'
import { memoryLedger } from '../support/memory-ledger.ts'

test('a note of which it is not known whether it was stored is no note', async (t) => {
  const { ledger, replica, space } = memoryLedger()
  const lost = { ...ledger, commit: async () => ({ outcome: 'unknown', why: 'the answer was lost' }) as const }
  const [notes, unheard] = [ledger, lost].map((one) => new Notes(one, replica, space('system'), 'told/')) as [Notes, Notes]
  await notes.write('node', Buffer.from('all is well'))
  await t.throwsAsync(unheard.write('node', undefined), { message: /not known whether told\/node was stored: the answer was lost/ })
  // What is so already needs no commit.
  await unheard.write('node', Buffer.from('all is well'))
  t.deepEqual([...notes.all().keys()], ['node'])
})
