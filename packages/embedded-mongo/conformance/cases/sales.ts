/** Documents of the cases on pipelines. */
import { Double } from 'bson';

export const sales = [
  { _id: 1, item: 'a', qty: 2, price: new Double(1.5), tags: ['x', 'y'] },
  { _id: 2, item: 'b', qty: 1, price: new Double(10), tags: [] },
  { _id: 3, item: 'a', qty: 5, price: new Double(2), tags: ['y'] },
  { _id: 4, item: 'c', qty: 3, price: null },
];
/** What sales are joined with. */
export const stock = [
  { _id: 10, item: 'a', place: 'north' },
  { _id: 11, item: 'a', place: 'south' },
  { _id: 12, item: 'b', place: 'north' },
  { _id: 13, place: 'nowhere' },
];
