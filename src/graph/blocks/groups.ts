/** Things that belong together because others say so, two at a time. */
export class Groups<Item> {
  private readonly of = new Map<Item, Set<Item>>();

  join(one: Item, other: Item): void {
    const first = this.of.get(one) ?? new Set([one]);
    for (const item of this.of.get(other) ?? [other]) first.add(item);
    for (const item of first) this.of.set(item, first);
  }

  all(): Set<ReadonlySet<Item>> {
    return new Set(this.of.values());
  }
}
