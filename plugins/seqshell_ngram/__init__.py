"""Language models that recurrence replaced: counted n-grams, maximum entropy, and the feed-forward network of Bengio et al. 2003."""
