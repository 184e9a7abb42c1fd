import { randomBytes } from 'node:crypto'
import { KmipError } from '../../spec/kmip-error.ts'
import { type Accept, byPlace, hasTerm, type Page } from './find.ts'
import type { ChangeSet, Found, Guard, Place, Revision, Space, Stored, TermMatch, Write } from './ledger.ts'
import type { LocalReplica } from './replica.ts'

type Kind = Place['kind']
type StagedWrite = Omit<Write, 'place'> & { readonly kind: Kind; readonly id: string; readonly sequence: number }

/** A mark in a unit of work to go back to. */
export type Savepoint = number

/**
 * One request's view of one space: what is committed, with its own staged changes over it. It can address no other space.
 * Whatever was read is relied on: if the unit writes, the revision of everything it read is guarded.
 */
export class UnitOfWork {
  readonly #replica: Pick<LocalReplica, 'read' | 'find' | 'search'>
  readonly #space: Space
  /** The revision at which each place was first read, 0 when it was not there. */
  readonly #relied = new Map<string, { readonly place: Place; readonly revision: Revision }>()
  /** In the order staged: a savepoint is a length. */
  readonly #log: StagedWrite[] = []
  /** The latest staged write of each place. */
  #staged = new Map<string, StagedWrite>()

  constructor(replica: Pick<LocalReplica, 'read' | 'find' | 'search'>, space: Space) {
    this.#replica = replica
    this.#space = space
  }

  /** The revision 0 stands for a value that this unit staged itself. */
  read(kind: Kind, id: string): Stored | undefined {
    const staged = this.#staged.get(nameOf(kind, id))
    if (staged !== undefined) return staged.value === undefined ? undefined : { value: staged.value, revision: 0 }
    const place = { space: this.#space, kind, id }
    const stored = this.#replica.read(place)
    this.#rely(place, stored?.revision ?? 0)
    return stored
  }

  /** Whether anything is staged. */
  get isEmpty(): boolean {
    return this.#staged.size === 0
  }

  /** Whether this unit has staged the place. */
  hasStaged(kind: Kind, id: string): boolean {
    return this.#staged.has(nameOf(kind, id))
  }

  /** States that the request relied on a place at a revision that it knows from a cache. */
  rely(kind: Kind, id: string, revision: Revision): void {
    this.#rely({ space: this.#space, kind, id }, revision)
  }

  put(kind: Kind, id: string, value: Uint8Array, index: Pick<Write, 'terms' | 'order'> = {}): void {
    this.#relyOnCurrent(kind, id)
    this.#stage({ kind, id, value, ...index, sequence: this.#log.length })
  }

  remove(kind: Kind, id: string): void {
    this.#relyOnCurrent(kind, id)
    this.#stage({ kind, id, value: undefined, sequence: this.#log.length })
  }

  /** Removes what nobody relies on any more, whatever it holds: not guarded, so that it meets no other request. */
  discard(kind: Kind, id: string): void {
    this.#stage({ kind, id, value: undefined, sequence: this.#log.length })
  }

  /** Takes a name that one object of the space may have. @throws KmipError NonUniqueNameAttribute when another has it. */
  reserveUnique(name: string, owner: string): void {
    const holder = this.read('unique', name)
    if (holder !== undefined && Buffer.from(holder.value).toString('utf8') !== owner) {
      throw new KmipError(
        'NonUniqueNameAttribute',
        'Another object of this tenant has this Name; choose another, or take it from that object first.',
      )
    }
    this.put('unique', name, Buffer.from(owner, 'utf8'))
  }

  releaseUnique(name: string): void {
    this.remove('unique', name)
  }

  /** As `Replica.find`, with what this unit has staged. A found object that is staged counts as it is staged. */
  find(matches: readonly TermMatch[], page: Page, accept?: Accept): Found {
    const staged = [...this.#staged.values()].filter(({ kind }) => kind === 'object')
    if (staged.length === 0) return this.#replica.find(this.#space, matches, page, accept)
    const changed = new Set(staged.map(({ id }) => id))
    const stored = this.#replica.search(
      this.#space,
      matches,
      { offset: 0, limit: page.offset + page.limit },
      (each, id) => !changed.has(id) && (accept === undefined || accept(each, id)),
    )
    // The latest commit stands first among equals, and the staged ones are to come yet, in this order.
    const own = staged
      .filter((write) => isFound(write, matches, accept))
      .map(({ id, order, sequence }) => ({ id, order: order ?? 0, revision: Number.MAX_SAFE_INTEGER - this.#log.length + sequence }))
    const entries = [...own, ...stored.entries].sort(byPlace)
    return { ids: entries.slice(page.offset, page.offset + page.limit).map(({ id }) => id), total: own.length + stored.total }
  }

  savepoint(): Savepoint {
    return this.#log.length
  }

  /** Drops what was staged after the mark. What was read since stays relied on: an answer may have been made of it. */
  rollback(savepoint: Savepoint): void {
    if (savepoint === this.#log.length) return
    this.#log.length = savepoint
    this.#staged = new Map(this.#log.map((write) => [nameOf(write.kind, write.id), write]))
  }

  /** Everything staged as one proposal with a fresh nonce; undefined when nothing was. */
  changes(): ChangeSet | undefined {
    if (this.#staged.size === 0) return undefined
    const writes: Write[] = []
    for (const { kind, id, value, terms, order } of this.#staged.values()) {
      // A name taken and given back within the request was never there.
      const place = { space: this.#space, kind, id }
      if (value === undefined && this.#relied.get(nameOf(kind, id))?.revision === 0) continue
      writes.push({ place, value, ...(terms === undefined ? {} : { terms }), ...(order === undefined ? {} : { order }) })
    }
    if (writes.length === 0) return undefined
    const guards: Guard[] = [...this.#relied.values()]
    return { nonce: randomBytes(16), guards, writes }
  }

  #stage(write: StagedWrite): void {
    this.#log.push(write)
    this.#staged.set(nameOf(write.kind, write.id), write)
  }

  #relyOnCurrent(kind: Kind, id: string): void {
    if (this.#relied.has(nameOf(kind, id))) return
    const place = { space: this.#space, kind, id }
    this.#rely(place, this.#replica.read(place)?.revision ?? 0)
  }

  #rely(place: Place, revision: Revision): void {
    const name = nameOf(place.kind, place.id)
    if (!this.#relied.has(name)) this.#relied.set(name, { place, revision })
  }
}

function isFound({ id, value, terms }: StagedWrite, matches: readonly TermMatch[], accept: Accept | undefined): boolean {
  if (value === undefined) return false
  return matches.every((match) => hasTerm(terms ?? [], match)) && (accept === undefined || accept({ value, revision: 0 }, id))
}

function nameOf(kind: Kind, id: string): string {
  return `${kind} ${id}`
}
