import { KmipError } from '../../spec/kmip-error.ts'
import type { StructureValue } from '../../spec/values.ts'
import type { ManagedObject, State } from './managed-object.ts'

/**
 * The state machine of KMIP 2.1 §4.57: ten transitions and no others. 1 is creation (`new-object.ts`); 4 and 6 also happen by
 * themselves when Activation Date and Deactivation Date are reached. Times are seconds since 1970.
 */
const transitions = {
  activate: { PreActive: 'Active' },
  deactivate: { Active: 'Deactivated' },
  compromise: { PreActive: 'Compromised', Active: 'Compromised', Deactivated: 'Compromised', Destroyed: 'DestroyedCompromised' },
  destroy: { PreActive: 'Destroyed', Deactivated: 'Destroyed', Compromised: 'DestroyedCompromised' },
} as const satisfies Record<string, Partial<Record<State, State>>>

type Transition = keyof typeof transitions

const cures: Record<Transition, string> = {
  activate: 'only a Pre-Active object can be activated',
  deactivate: 'only an Active object can be revoked for this reason; key or CA compromise may be reported in any state but Compromised',
  compromise: 'its compromise is on record already',
  destroy: 'an Active object must be revoked first',
}

/** The state that the dates have brought an object to at `now`. */
export function stateAt(object: ManagedObject, now: number): State {
  const { attributes } = object
  let state = object.state
  if (state === 'PreActive' && reached(attributes.get('ActivationDate'), now)) state = 'Active'
  if (state === 'Active' && reached(attributes.get('DeactivationDate'), now)) state = 'Deactivated'
  return state
}

/** The states that an object is in now or will be brought to by its dates alone, without a request. */
export function statesToCome(object: ManagedObject): State[] {
  const { attributes, state } = object
  const states = [state]
  if (state === 'PreActive' && attributes.has('ActivationDate')) states.push('Active')
  if (states.includes('Active') && attributes.has('DeactivationDate')) states.push('Deactivated')
  return states
}

/** Brings the State attribute to what the dates say at `now`. Nothing else changes: that state was to be, it is not news. */
export function advance(object: ManagedObject, now: number): void {
  const state = stateAt(object, now)
  if (state !== object.state) object.attributes.set('State', state)
}

/** Activate (KMIP 2.1 §6.1.1). @throws KmipError WrongKeyLifecycleState, ObjectDestroyed. */
export function activate(object: ManagedObject, now: number): void {
  move(object, 'activate', now)
  object.attributes.set('ActivationDate', now)
}

/**
 * Revoke (KMIP 2.1 §6.1.44): to Compromised for a compromise, to Deactivated for every other reason.
 * `occurrence` is when the compromise is thought to have happened; Initial Date where nobody knows (§4.11).
 * @throws KmipError WrongKeyLifecycleState, ObjectDestroyed.
 */
export function revoke(object: ManagedObject, now: number, reason: StructureValue<'RevocationReason'>, occurrence?: number): void {
  const { attributes } = object
  if (reason.code === 'KeyCompromise' || reason.code === 'CACompromise') {
    move(object, 'compromise', now)
    attributes.set('CompromiseDate', now)
    attributes.set('CompromiseOccurrenceDate', occurrence ?? attributes.get('InitialDate') ?? now)
  } else {
    move(object, 'deactivate', now)
    attributes.set('DeactivationDate', now)
  }
  attributes.set('RevocationReason', reason)
}

/** Destroy (KMIP 2.1 §6.1.15): the value goes, the attributes stay. @throws KmipError WrongKeyLifecycleState, ObjectDestroyed. */
export function destroy(object: ManagedObject, now: number): void {
  move(object, 'destroy', now)
  object.attributes.set('DestroyDate', now)
  object.key = undefined
}

function move(object: ManagedObject, transition: Transition, now: number): void {
  advance(object, now)
  const next = (transitions[transition] as Partial<Record<State, State>>)[object.state]
  if (next === undefined) throw refusal(object, transition)
  object.attributes.set('State', next)
  object.attributes.set('LastChangeDate', now)
}

function refusal(object: ManagedObject, transition: Transition): KmipError {
  const { uniqueIdentifier, state } = object
  if (object.isDestroyed) return new KmipError('ObjectDestroyed', `${uniqueIdentifier} is destroyed.`)
  return new KmipError('WrongKeyLifecycleState', `${uniqueIdentifier} is ${state}: ${cures[transition]}.`)
}

function reached(date: number | undefined, now: number): boolean {
  return date !== undefined && date <= now
}
