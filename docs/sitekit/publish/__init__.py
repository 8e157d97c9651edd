"""From source trees and records to ``build/html``: whole builds, previews, the live server, packed sites."""
