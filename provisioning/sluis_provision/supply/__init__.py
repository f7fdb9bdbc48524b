"""The gateway's end of releases: whom the site trusts, what a repository offers, which bundles are here.

    site       the root that a person trusted, and what follows from it
    visit      one look into a repository: over HTTPS, or a folder such as a stick
    mirror     a repository, copied to a stick
    imported   the bundles on this gateway

No key that signs anything is here. What a visit brings is checked again when it is imported, and again by each node.
"""
