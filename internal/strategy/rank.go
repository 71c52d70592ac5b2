package strategy

// Rank gives tables ranks by which those at one end of a foreign key come before those at its other end. circular is a key of a
// circle, or behind one; nil where there is none.
func Rank[K any](keys []K, ends func(K) (first, then uint32)) (rank map[uint32]int, circular *K) {
	rank = map[uint32]int{}
	for moved, round := true, 0; moved; round++ {
		moved = false
		for i, k := range keys {
			first, then := ends(k)
			if rank[then] > rank[first] {
				continue
			}
			if round >= len(keys) {
				return nil, &keys[i]
			}
			rank[then], moved = rank[first]+1, true
		}
	}
	return rank, nil
}
